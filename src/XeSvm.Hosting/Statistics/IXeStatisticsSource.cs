namespace XeSvm.Hosting.Statistics;

/// <summary>What metrics are made of. Answers quickly and does not throw; what cannot be read is left out.</summary>
public interface IXeStatisticsSource
{
    /// <summary>The devices as they were read last.</summary>
    IReadOnlyList<XeDeviceReading> Read();
}

/// <summary>What was read of one device.</summary>
/// <param name="HardwareId">The PCI address, or the node's path when the address is not known; tag <c>hw.id</c>.</param>
/// <param name="Name">The PCI device in words, such as <c>8086:e20b</c>; tag <c>hw.name</c>.</param>
/// <param name="Backend"><c>kernel</c> or <c>software</c>.</param>
/// <param name="Strategy">How pages are mapped for DMA; <c>kernel</c> where the kernel decides.</param>
/// <param name="Iommu">The IOMMU's mode.</param>
/// <param name="KernelRelease">The kernel's release.</param>
/// <param name="Gts">The GTs whose statistics can be read.</param>
/// <param name="Memory">The memory regions.</param>
public sealed record XeDeviceReading(
    string HardwareId,
    string Name,
    string Backend,
    string Strategy,
    string Iommu,
    string KernelRelease,
    IReadOnlyList<XeGtReading> Gts,
    IReadOnlyList<XeMemoryRegion> Memory);

/// <summary>What was read of one GT.</summary>
/// <param name="Id">Its number.</param>
/// <param name="Counters">The counters since the driver was loaded.</param>
public sealed record XeGtReading(int Id, SvmCounters Counters);
