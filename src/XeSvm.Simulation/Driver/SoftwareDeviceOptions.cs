using XeSvm.Simulation.Dma;
using XeSvm.Simulation.Iommu;
using XeSvm.Simulation.Memory;

namespace XeSvm.Simulation.Driver;

/// <summary>Options after their words have been understood.</summary>
internal sealed record SoftwareDeviceOptions(
    DeviceProfile Profile, MappingStrategy Strategy, PageLayout Layout, IommuOptions Iommu, ulong VramBytes, string CpuFaults)
{
    /// <summary>Makes chosen operations fail.</summary>
    public FaultInjector Faults { get; init; } = new(FaultPlan.None);

    private const ulong LargestVram = 64UL << 30;
    private static readonly string[] s_cpuFaults = ["auto", "userfaultfd", "userfaultfd-user-mode", "coherent"];

    /// <summary>Checks and converts.</summary>
    /// <exception cref="ArgumentException">A value is not valid; the message says which are.</exception>
    /// <exception cref="FormatException">
    /// A strategy or a layout has no such name, and the message lists those that there are; or a fault rule makes no sense.
    /// </exception>
    public static SoftwareDeviceOptions Parse(SoftwareBackendOptions options)
    {
        if (options.VramBytes < PageConstants.BlockSize || options.VramBytes > LargestVram || options.VramBytes % PageConstants.BlockSize != 0)
        {
            throw new ArgumentException(
                $"VRAM of {options.VramBytes} bytes is not possible; a multiple of {PageConstants.BlockSize} from {PageConstants.BlockSize} to {LargestVram} is.",
                nameof(options));
        }

        if (!s_cpuFaults.Contains(options.CpuFaults))
        {
            throw new ArgumentException($"'{options.CpuFaults}' is no way to notice CPU faults; {string.Join(", ", s_cpuFaults)} are.", nameof(options));
        }

        var iommu = new IommuOptions
        {
            Mode = options.Iommu,
            CoherentWalker = options.CoherentWalker,
            Levels = options.PageTableLevels,
            CachingMode = options.CachingMode,
            WriteBufferFlush = options.WriteBufferFlush,
            FlushRegression = options.FlushRegression,
        };
        iommu.Validate();
        return new SoftwareDeviceOptions(
            DeviceProfile.Battlemage,
            MappingStrategy.Parse(options.Strategy),
            PageLayout.Parse(options.Layout),
            iommu,
            options.VramBytes,
            options.CpuFaults)
        {
            Faults = new FaultInjector(options.Faults),
        };
    }
}
