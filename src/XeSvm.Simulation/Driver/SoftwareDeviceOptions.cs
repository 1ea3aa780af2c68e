using XeSvm.Simulation.Dma;
using XeSvm.Simulation.Iommu;
using XeSvm.Simulation.Memory;

namespace XeSvm.Simulation.Driver;

/// <summary>Options after their words have been understood.</summary>
internal sealed record SoftwareDeviceOptions(
    DeviceProfile Profile, MappingStrategy Strategy, PageLayout Layout, IommuOptions Iommu, ulong VramBytes, string CpuFaults)
{
    private const ulong LargestVram = 64UL << 30;
    private static readonly string[] s_cpuFaults = ["auto", "userfaultfd", "userfaultfd-user-mode", "coherent"];

    /// <summary>Checks and converts.</summary>
    /// <exception cref="ArgumentException">A value is not valid; the message says which are.</exception>
    public static SoftwareDeviceOptions Parse(SoftwareBackendOptions options)
    {
        if (options.VramBytes < PageConstants.BlockSize || options.VramBytes > LargestVram || options.VramBytes % PageConstants.BlockSize != 0)
        {
            throw new ArgumentException(
                $"VRAM of {options.VramBytes} bytes is not possible; a multiple of {PageConstants.BlockSize} from {PageConstants.BlockSize} to {LargestVram} is.",
                nameof(options));
        }

        if (!Enum.IsDefined(options.Iommu))
        {
            throw new ArgumentException($"'{options.Iommu}' is no IOMMU mode; {string.Join(", ", Enum.GetNames<IommuMode>())} are.", nameof(options));
        }

        if (!s_cpuFaults.Contains(options.CpuFaults))
        {
            throw new ArgumentException($"'{options.CpuFaults}' is no way to notice CPU faults; {string.Join(", ", s_cpuFaults)} are.", nameof(options));
        }

        return new SoftwareDeviceOptions(
            DeviceProfile.Battlemage,
            MappingStrategy.Parse(options.Strategy),
            PageLayout.Parse(options.Layout),
            new IommuOptions { Mode = options.Iommu, CoherentWalker = options.CoherentWalker },
            options.VramBytes,
            options.CpuFaults);
    }
}
