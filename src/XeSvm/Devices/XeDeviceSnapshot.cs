namespace XeSvm;

/// <summary>
/// Everything that DEVICE_QUERY tells about a device, as it was when it was asked. What the device or the kernel does not know is empty or
/// <see langword="null"/>, and <see cref="Unavailable"/> says with which errno.
/// </summary>
public sealed record XeDeviceSnapshot
{
    /// <summary>The configuration.</summary>
    public required XeConfiguration Configuration { get; init; }

    /// <summary>The engines that queues can be made for.</summary>
    public required IReadOnlyList<XeEngine> Engines { get; init; }

    /// <summary>The memory regions; system memory comes first.</summary>
    public required IReadOnlyList<XeMemoryRegion> MemoryRegions { get; init; }

    /// <summary>The GTs.</summary>
    public required IReadOnlyList<XeGt> Gts { get; init; }

    /// <summary>The fuse masks of all GTs.</summary>
    public IReadOnlyList<XeTopologyMask> Topology { get; init; } = [];

    /// <summary>The versions of the firmwares that run.</summary>
    public IReadOnlyList<XeFirmwareVersion> Firmware { get; init; } = [];

    /// <summary>The OA units.</summary>
    public IReadOnlyList<XeOaUnit> OaUnits { get; init; } = [];

    /// <summary>The state of protected content.</summary>
    public XePxpStatus? Pxp { get; init; }

    /// <summary>How stalls of execution units can be sampled.</summary>
    public XeEuStallSampling? EuStall { get; init; }

    /// <summary>The hardware configuration table; empty when the firmware has none.</summary>
    public IReadOnlyList<XeHardwareConfigurationEntry> HardwareConfiguration { get; init; } = [];

    /// <summary>The queries that were refused, by the kernel's names, and with which errno.</summary>
    public IReadOnlyDictionary<string, XeResult> Unavailable { get; init; } = new Dictionary<string, XeResult>();
}
