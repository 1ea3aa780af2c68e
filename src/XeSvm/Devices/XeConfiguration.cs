using XeSvm.Interop.Uapi;

namespace XeSvm;

/// <summary>A device's configuration, from DEVICE_QUERY CONFIG (xe_query.c).</summary>
/// <param name="DeviceId">The PCI device id.</param>
/// <param name="Revision">The PCI revision.</param>
/// <param name="Flags">The <c>DRM_XE_QUERY_CONFIG_FLAG_*</c> bits; <see cref="XeCapabilities"/> has them by name.</param>
/// <param name="MinimumAlignment">Smallest alignment of addresses and sizes of device memory, in bytes.</param>
/// <param name="VirtualAddressBits">Bits of a GPU virtual address.</param>
/// <param name="MaximumPriority">The highest queue priority that this process may ask for, 0 to 2.</param>
public sealed record XeConfiguration(
    int DeviceId,
    int Revision,
    ulong Flags,
    ulong MinimumAlignment,
    int VirtualAddressBits,
    int MaximumPriority)
{
    /// <summary>What the flags say.</summary>
    public XeCapabilities Capabilities { get; } = new(
        HasVram: (Flags & DrmXe.DRM_XE_QUERY_CONFIG_FLAG_HAS_VRAM) != 0,
        SupportsLowLatencyHint: (Flags & DrmXe.DRM_XE_QUERY_CONFIG_FLAG_HAS_LOW_LATENCY) != 0,
        SupportsCpuAddressMirror: (Flags & DrmXe.DRM_XE_QUERY_CONFIG_FLAG_HAS_CPU_ADDR_MIRROR) != 0,
        SupportsNoCompressionHint: (Flags & DrmXe.DRM_XE_QUERY_CONFIG_FLAG_HAS_NO_COMPRESSION_HINT) != 0,
        SupportsPurging: (Flags & DrmXe.DRM_XE_QUERY_CONFIG_FLAG_HAS_PURGING_SUPPORT) != 0,
        SupportsStateCacheOption: (Flags & DrmXe.DRM_XE_QUERY_CONFIG_FLAG_HAS_DISABLE_STATE_CACHE_PERF_FIX) != 0);
}
