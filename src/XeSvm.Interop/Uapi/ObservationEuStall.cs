using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace XeSvm.Interop.Uapi;

public static partial class DrmXe
{
    // Values of drm_xe_query_eu_stall.capabilities.

    /// <summary>EU stall sampling can be used at all.</summary>
    public const ulong DRM_XE_EU_STALL_CAPS_BASE = 0x1;

    // Extension of a stream's properties, and enum drm_xe_eu_stall_property_id: the properties.

    /// <summary>Extension name: sets one property of the stream, with a drm_xe_ext_set_property.</summary>
    public const uint DRM_XE_EU_STALL_EXTENSION_SET_PROPERTY = 0;

    /// <summary>Property: number of the GT to sample.</summary>
    public const uint DRM_XE_EU_STALL_PROP_GT_ID = 1;

    /// <summary>Property: one of the sampling rates that the query lists, in GPU cycles.</summary>
    public const uint DRM_XE_EU_STALL_PROP_SAMPLE_RATE = 2;

    /// <summary>Property: number of records that must be there before a reader wakes.</summary>
    public const uint DRM_XE_EU_STALL_PROP_WAIT_NUM_REPORTS = 3;
}

/// <summary>
/// Answer of <c>DRM_XE_DEVICE_QUERY_EU_STALL</c>. num_sampling_rates values of 64 bits, in GPU cycles (the kernel's flexible array
/// <c>sampling_rates</c>), follow directly.
/// </summary>
/// <remarks>
/// Carried by <c>DRM_IOCTL_XE_DEVICE_QUERY</c>: nodes, permission, blocking and faults are those of that ioctl.
/// ENODEV on devices without EU stall sampling.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public struct drm_xe_query_eu_stall
{
    /// <summary>Reads as 0.</summary>
    public ulong extensions;

    /// <summary>Bits of <c>DRM_XE_EU_STALL_CAPS_*</c>.</summary>
    public ulong capabilities;

    /// <summary>Size of one sample record in bytes.</summary>
    public ulong record_size;

    /// <summary>Size of the sample buffer of one Xe core, in bytes.</summary>
    public ulong per_xecore_buf_size;

    /// <summary>Reads as 0.</summary>
    public InlineArray5<ulong> reserved;

    /// <summary>Number of sampling rates that follow.</summary>
    public ulong num_sampling_rates;
}
