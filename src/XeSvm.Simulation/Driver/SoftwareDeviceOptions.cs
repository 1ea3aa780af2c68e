using XeSvm.Simulation.Dma;
using XeSvm.Simulation.Driver.Profiles;
using XeSvm.Simulation.Iommu;
using XeSvm.Simulation.Memory;
using XeSvm.Simulation.Peers;
using XeSvm.Simulation.Peers.Software;

namespace XeSvm.Simulation.Driver;

/// <summary>Options after their words have been understood.</summary>
internal sealed record SoftwareDeviceOptions(
    MachineProfile Machine, MappingStrategy Strategy, PageLayout Layout, IommuOptions Iommu, string CpuFaults)
{
    /// <summary>Makes chosen operations fail.</summary>
    public FaultInjector Faults { get; init; } = new(FaultPlan.None);

    private static readonly string[] s_cpuFaults = ["auto", "userfaultfd", "userfaultfd-user-mode", "coherent"];

    /// <summary>What each device of the machine is.</summary>
    public DeviceProfile Profile => Machine.Device;

    /// <summary>VRAM of each tile in place of the profile's.</summary>
    public ulong? VramBytes { get; init; }

    /// <summary>Who makes addresses of one device's memory for another.</summary>
    public string PeerPolicy { get; init; } = SoftwareBackendOptions.DefaultPeerPolicy;

    /// <summary>The options of one device of the machine: a topology says of each what it is.</summary>
    public SoftwareDeviceOptions ForDevice(int index) => Machine.DeclaredTopology is { } topology
        ? this with
        {
            Machine = Machine with { Device = MachineTopologies.DeviceOf(Machine, index, VramBytes) },
            Iommu = topology.Devices[index].Iommu,
        }
        : this;

    /// <summary>Checks and converts.</summary>
    /// <exception cref="ArgumentException">A value is not valid; the message says which are.</exception>
    /// <exception cref="FormatException">
    /// A device, a strategy or a layout has no such name, and the message lists those that there are; a device profile is not valid; or a fault
    /// rule makes no sense.
    /// </exception>
    public static SoftwareDeviceOptions Parse(SoftwareBackendOptions options)
    {
        const ulong Largest = MachineProfileReader.LargestVram;
        if (options.VramBytes is { } bytes && (bytes < PageConstants.BlockSize || bytes > Largest || bytes % PageConstants.BlockSize != 0))
        {
            throw new ArgumentException(
                $"VRAM of {bytes} bytes is not possible; a multiple of {PageConstants.BlockSize} from {PageConstants.BlockSize} to {Largest} is.",
                nameof(options));
        }

        if (!s_cpuFaults.Contains(options.CpuFaults))
        {
            throw new ArgumentException($"'{options.CpuFaults}' is no way to notice CPU faults; {string.Join(", ", s_cpuFaults)} are.", nameof(options));
        }

        if (!PeerExperiment.DriverPolicies.Contains(options.PeerPolicy))
        {
            throw new ArgumentException(
                $"'{options.PeerPolicy}' is no policy; {string.Join(", ", PeerExperiment.DriverPolicies.ToArray())} are.", nameof(options));
        }

        return new SoftwareDeviceOptions(
            WithIommu(WithVram(MachineProfile.Load(options.Device), options.VramBytes), options),
            MappingStrategy.Parse(options.Strategy),
            PageLayout.Parse(options.Layout),
            Configure(new IommuOptions { Mode = options.Iommu }, options),
            options.CpuFaults)
        {
            Faults = new FaultInjector(options.Faults),
            VramBytes = options.VramBytes,
            PeerPolicy = options.PeerPolicy,
        };
    }

    /// <summary>Another size of VRAM for each tile that has any; the part that the CPU reaches changes in proportion.</summary>
    private static MachineProfile WithVram(MachineProfile machine, ulong? vramBytes)
    {
        if (vramBytes is not { } bytes || !machine.Device.IsDiscrete)
        {
            return machine;
        }

        return machine with { Device = machine.Device with { Tiles = [.. machine.Device.Tiles.Select(tile => tile.WithVram(bytes))] } };
    }

    /// <summary>A topology's IOMMUs, with what the options say in place of what the topology says.</summary>
    private static MachineProfile WithIommu(MachineProfile machine, SoftwareBackendOptions options) => machine.DeclaredTopology is { } topology
        ? machine with
        {
            DeclaredTopology = topology.With([.. topology.Devices.Select(device => device with { Iommu = Configure(device.Iommu, options) })]),
        }
        : machine;

    private static IommuOptions Configure(IommuOptions iommu, SoftwareBackendOptions options)
    {
        iommu = options.Configure(iommu);
        iommu.Validate();
        return iommu;
    }
}
