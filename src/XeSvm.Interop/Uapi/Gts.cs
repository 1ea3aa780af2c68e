using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace XeSvm.Interop.Uapi;

public static partial class DrmXe
{
    // Values of drm_xe_gt.type.

    /// <summary>GT with render, compute and copy engines.</summary>
    public const ushort DRM_XE_QUERY_GT_TYPE_MAIN = 0;

    /// <summary>GT with video engines only.</summary>
    public const ushort DRM_XE_QUERY_GT_TYPE_MEDIA = 1;

    // Values of drm_xe_query_topology_mask.type.

    /// <summary>Mask of the dual subslices usable by geometry work.</summary>
    public const ushort DRM_XE_TOPO_DSS_GEOMETRY = 1;

    /// <summary>Mask of the dual subslices usable by compute work.</summary>
    public const ushort DRM_XE_TOPO_DSS_COMPUTE = 2;

    /// <summary>Mask of the enabled L3 banks.</summary>
    public const ushort DRM_XE_TOPO_L3_BANK = 3;

    /// <summary>Mask of the execution units in each dual subslice.</summary>
    public const ushort DRM_XE_TOPO_EU_PER_DSS = 4;

    /// <summary>Mask of the 16-lane execution units in each dual subslice.</summary>
    public const ushort DRM_XE_TOPO_SIMD16_EU_PER_DSS = 5;
}

/// <summary>One GT: a block of engines with its own clock, firmware and page-fault handling.</summary>
/// <remarks>
/// Carried by <c>DRM_IOCTL_XE_DEVICE_QUERY</c>: nodes, permission, blocking and faults are those of that ioctl.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public struct drm_xe_gt
{
    /// <summary>One of <c>DRM_XE_QUERY_GT_TYPE_*</c>.</summary>
    public ushort type;

    /// <summary>Number of the tile that holds the GT.</summary>
    public ushort tile_id;

    /// <summary>Number of the GT, unique on the device.</summary>
    public ushort gt_id;

    /// <summary>Reads as 0.</summary>
    public InlineArray3<ushort> pad;

    /// <summary>Frequency of the time stamp counter in hertz.</summary>
    public uint reference_clock;

    /// <summary>
    /// Mask of the memory region instances that are closest to the GT: the tile's VRAM, or system memory on an integrated device.
    /// </summary>
    public ulong near_mem_regions;

    /// <summary>Mask of the memory region instances that the GT reaches at a higher cost.</summary>
    public ulong far_mem_regions;

    /// <summary>Major version of the graphics or media IP; 0 on devices without GMD_ID.</summary>
    public ushort ip_ver_major;

    /// <summary>Minor version of the IP.</summary>
    public ushort ip_ver_minor;

    /// <summary>Revision of the IP.</summary>
    public ushort ip_ver_rev;

    /// <summary>Reads as 0.</summary>
    public ushort pad2;

    /// <summary>Reads as 0.</summary>
    public InlineArray7<ulong> reserved;
}

/// <summary>
/// Answer of <c>DRM_XE_DEVICE_QUERY_GT_LIST</c>. num_gt records of drm_xe_gt (the kernel's flexible array <c>gt_list</c>) follow
/// directly.
/// </summary>
/// <remarks>
/// Carried by <c>DRM_IOCTL_XE_DEVICE_QUERY</c>: nodes, permission, blocking and faults are those of that ioctl.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public struct drm_xe_query_gt_list
{
    /// <summary>Number of records that follow.</summary>
    public uint num_gt;

    /// <summary>Reads as 0.</summary>
    public uint pad;
}

/// <summary>
/// One fuse mask in the answer of <c>DRM_XE_DEVICE_QUERY_GT_TOPOLOGY</c>. num_bytes bytes (the kernel's flexible array <c>mask</c>)
/// follow directly, then the next record.
/// </summary>
/// <remarks>
/// Carried by <c>DRM_IOCTL_XE_DEVICE_QUERY</c>: nodes, permission, blocking and faults are those of that ioctl.
/// Records have different lengths: find the next one from num_bytes, never from a fixed size.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public struct drm_xe_query_topology_mask
{
    /// <summary>Number of the GT that the mask is about.</summary>
    public ushort gt_id;

    /// <summary>One of <c>DRM_XE_TOPO_*</c>.</summary>
    public ushort type;

    /// <summary>Length of the mask in bytes.</summary>
    public uint num_bytes;
}
