using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace XeSvm.Interop.Uapi;

public static partial class DrmXe
{
    // Values of drm_xe_device_query.query.

    /// <summary>Asks for the engines: drm_xe_query_engines.</summary>
    public const uint DRM_XE_DEVICE_QUERY_ENGINES = 0;

    /// <summary>Asks for the memory regions: drm_xe_query_mem_regions.</summary>
    public const uint DRM_XE_DEVICE_QUERY_MEM_REGIONS = 1;

    /// <summary>Asks for the device's parameters: drm_xe_query_config.</summary>
    public const uint DRM_XE_DEVICE_QUERY_CONFIG = 2;

    /// <summary>Asks for the GTs: drm_xe_query_gt_list.</summary>
    public const uint DRM_XE_DEVICE_QUERY_GT_LIST = 3;

    /// <summary>Asks for the hardware configuration table of the GuC firmware: key, length and value words of 32 bits.</summary>
    public const uint DRM_XE_DEVICE_QUERY_HWCONFIG = 4;

    /// <summary>Asks for the fuse masks of all GTs: drm_xe_query_topology_mask records.</summary>
    public const uint DRM_XE_DEVICE_QUERY_GT_TOPOLOGY = 5;

    /// <summary>Asks for an engine's time stamp: drm_xe_query_engine_cycles.</summary>
    public const uint DRM_XE_DEVICE_QUERY_ENGINE_CYCLES = 6;

    /// <summary>Asks for a firmware's version: drm_xe_query_uc_fw_version.</summary>
    public const uint DRM_XE_DEVICE_QUERY_UC_FW_VERSION = 7;

    /// <summary>Asks for the observation units: drm_xe_query_oa_units.</summary>
    public const uint DRM_XE_DEVICE_QUERY_OA_UNITS = 8;

    /// <summary>Asks for the state of protected content support: drm_xe_query_pxp_status.</summary>
    public const uint DRM_XE_DEVICE_QUERY_PXP_STATUS = 9;

    /// <summary>Asks for the EU stall sampling facts: drm_xe_query_eu_stall.</summary>
    public const uint DRM_XE_DEVICE_QUERY_EU_STALL = 10;

    // Indexes of the values that follow drm_xe_query_config.

    /// <summary>Index of the PCI device id (bits 0 to 15) and the revision (from bit 16).</summary>
    public const int DRM_XE_QUERY_CONFIG_REV_AND_DEVICE_ID = 0;

    /// <summary>Index of the <c>DRM_XE_QUERY_CONFIG_FLAG_*</c> bits.</summary>
    public const int DRM_XE_QUERY_CONFIG_FLAGS = 1;

    /// <summary>The device has memory of its own that user space can use.</summary>
    public const ulong DRM_XE_QUERY_CONFIG_FLAG_HAS_VRAM = 0x1;

    /// <summary>Queues accept <c>DRM_XE_EXEC_QUEUE_LOW_LATENCY_HINT</c>.</summary>
    public const ulong DRM_XE_QUERY_CONFIG_FLAG_HAS_LOW_LATENCY = 0x2;

    /// <summary>
    /// VM_BIND accepts <c>DRM_XE_VM_BIND_FLAG_CPU_ADDR_MIRROR</c>: hardware and kernel can share the process's address space.
    /// </summary>
    public const ulong DRM_XE_QUERY_CONFIG_FLAG_HAS_CPU_ADDR_MIRROR = 0x4;

    /// <summary>GEM_CREATE accepts <c>DRM_XE_GEM_CREATE_FLAG_NO_COMPRESSION</c>.</summary>
    public const ulong DRM_XE_QUERY_CONFIG_FLAG_HAS_NO_COMPRESSION_HINT = 0x8;

    /// <summary>Render queues accept <c>DRM_XE_EXEC_QUEUE_SET_DISABLE_STATE_CACHE_PERF_FIX</c>.</summary>
    public const ulong DRM_XE_QUERY_CONFIG_FLAG_HAS_DISABLE_STATE_CACHE_PERF_FIX = 0x10;

    /// <summary>MADVISE accepts <c>DRM_XE_VMA_ATTR_PURGEABLE_STATE</c>.</summary>
    public const ulong DRM_XE_QUERY_CONFIG_FLAG_HAS_PURGING_SUPPORT = 0x20;

    /// <summary>Index of the smallest alignment, in bytes, of addresses and sizes of device memory.</summary>
    public const int DRM_XE_QUERY_CONFIG_MIN_ALIGNMENT = 2;

    /// <summary>Index of the number of bits of a GPU virtual address.</summary>
    public const int DRM_XE_QUERY_CONFIG_VA_BITS = 3;

    /// <summary>Index of the highest queue priority that the caller may ask for.</summary>
    public const int DRM_XE_QUERY_CONFIG_MAX_EXEC_QUEUE_PRIORITY = 4;
}

/// <summary>Argument of DEVICE_QUERY: asks for one kind of facts about the device.</summary>
/// <remarks>
/// Ioctl: <c>DRM_IOCTL_XE_DEVICE_QUERY</c>. Nodes: primary and render. Permission: none beyond opening the node. Blocks: while the
/// device wakes up. Faults: EFAULT when <c>data</c> cannot be written or, for the queries that read it, read. Since: Linux 6.8.
/// Two calls: with size 0 the kernel stores the size it needs; with exactly that size it writes the data; any other size gives EINVAL
/// (xe_query_ioctl).
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public struct drm_xe_device_query
{
    /// <summary>Must be 0.</summary>
    public ulong extensions;

    /// <summary>One of <c>DRM_XE_DEVICE_QUERY_*</c> (0 to 10).</summary>
    public uint query;

    /// <summary>Size of the buffer in bytes: 0 asks for the size.</summary>
    public uint size;

    /// <summary>User address of the buffer; not used when size is 0.</summary>
    public ulong data;

    /// <summary>Must be 0.</summary>
    public InlineArray2<ulong> reserved;
}

/// <summary>
/// Answer of <c>DRM_XE_DEVICE_QUERY_CONFIG</c>. num_params values of 64 bits (the kernel's flexible array <c>info</c>) follow directly,
/// indexed by <c>DRM_XE_QUERY_CONFIG_*</c>.
/// </summary>
/// <remarks>
/// Carried by <c>DRM_IOCTL_XE_DEVICE_QUERY</c>: nodes, permission, blocking and faults are those of that ioctl.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public struct drm_xe_query_config
{
    /// <summary>Number of values that follow; newer kernels append values.</summary>
    public uint num_params;

    /// <summary>Reads as 0.</summary>
    public uint pad;
}
