using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace XeSvm.Interop.Uapi;

public static partial class DrmXe
{
    // enum drm_xe_memory_class: values of drm_xe_mem_region.mem_class.

    /// <summary>System memory.</summary>
    public const ushort DRM_XE_MEM_REGION_CLASS_SYSMEM = 0;

    /// <summary>Memory on the device, one region per tile.</summary>
    public const ushort DRM_XE_MEM_REGION_CLASS_VRAM = 1;
}

/// <summary>One memory region of the device.</summary>
/// <remarks>
/// Carried by <c>DRM_IOCTL_XE_DEVICE_QUERY</c>: nodes, permission, blocking and faults are those of that ioctl.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public struct drm_xe_mem_region
{
    /// <summary>One of <c>DRM_XE_MEM_REGION_CLASS_*</c>.</summary>
    public ushort mem_class;

    /// <summary>Number of the region, unique on the device; bit <c>1 &lt;&lt; instance</c> stands for it in placement masks.</summary>
    public ushort instance;

    /// <summary>Smallest page in bytes that the region can back: 4096, or 65536 on devices that need 64 KiB pages.</summary>
    public uint min_page_size;

    /// <summary>Size of the region in bytes; all RAM of the machine for system memory.</summary>
    public ulong total_size;

    /// <summary>Bytes that the driver has allocated here. Older kernels answer 0 to callers without CAP_PERFMON.</summary>
    public ulong used;

    /// <summary>Bytes that the CPU can reach through the PCI BAR; 0 for system memory.</summary>
    public ulong cpu_visible_size;

    /// <summary>Bytes allocated in the part that the CPU can reach.</summary>
    public ulong cpu_visible_used;

    /// <summary>Reads as 0.</summary>
    public InlineArray6<ulong> reserved;
}

/// <summary>
/// Answer of <c>DRM_XE_DEVICE_QUERY_MEM_REGIONS</c>. num_mem_regions records of drm_xe_mem_region (the kernel's flexible array
/// <c>mem_regions</c>) follow directly.
/// </summary>
/// <remarks>
/// Carried by <c>DRM_IOCTL_XE_DEVICE_QUERY</c>: nodes, permission, blocking and faults are those of that ioctl.
/// System memory is first. An answer that cannot be written gives ENOSPC here, not EFAULT (query_mem_regions in xe_query.c).
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public struct drm_xe_query_mem_regions
{
    /// <summary>Number of records that follow.</summary>
    public uint num_mem_regions;

    /// <summary>Reads as 0.</summary>
    public uint pad;
}
