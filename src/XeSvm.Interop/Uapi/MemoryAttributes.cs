using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace XeSvm.Interop.Uapi;

public static partial class DrmXe
{
    // Values of drm_xe_madvise.type.

    /// <summary>Sets where pages of mirrored memory should live.</summary>
    public const uint DRM_XE_MEM_RANGE_ATTR_PREFERRED_LOC = 0;

    /// <summary>Sets who does atomic operations on the range.</summary>
    public const uint DRM_XE_MEM_RANGE_ATTR_ATOMIC = 1;

    /// <summary>Sets the page attribute table index.</summary>
    public const uint DRM_XE_MEM_RANGE_ATTR_PAT = 2;

    /// <summary>Sets whether buffer objects in the range may be discarded under memory pressure.</summary>
    public const uint DRM_XE_VMA_ATTR_PURGEABLE_STATE = 3;

    // Special values of devmem_fd.

    /// <summary>VRAM of the tile that faults.</summary>
    public const uint DRM_XE_PREFERRED_LOC_DEFAULT_DEVICE = 0;

    /// <summary>System memory; all bits set (-1 in the kernel's header).</summary>
    public const uint DRM_XE_PREFERRED_LOC_DEFAULT_SYSTEM = 0xffffffff;

    // Values of migration_policy. The kernel stores it; it has no effect in 7.3.

    /// <summary>Pages move from wherever they are.</summary>
    public const ushort DRM_XE_MIGRATE_ALL_PAGES = 0;

    /// <summary>Only pages in system memory move.</summary>
    public const ushort DRM_XE_MIGRATE_ONLY_SYSTEM_PAGES = 1;

    // Values of drm_xe_madvise_atomic.val.

    /// <summary>The default: on a discrete device, a GPU atomic moves the page to VRAM.</summary>
    public const uint DRM_XE_ATOMIC_UNDEFINED = 0;

    /// <summary>Only the device does atomic operations.</summary>
    public const uint DRM_XE_ATOMIC_DEVICE = 1;

    /// <summary>Both CPU and device do; a GPU atomic moves the page to VRAM, a CPU touch moves it back.</summary>
    public const uint DRM_XE_ATOMIC_GLOBAL = 2;

    /// <summary>Only the CPU does; a GPU atomic fails with EACCES.</summary>
    public const uint DRM_XE_ATOMIC_CPU = 3;

    // Values of drm_xe_madvise_purge_state_val.val.

    /// <summary>The content is needed.</summary>
    public const uint DRM_XE_VMA_PURGEABLE_STATE_WILLNEED = 0;

    /// <summary>The content may be discarded.</summary>
    public const uint DRM_XE_VMA_PURGEABLE_STATE_DONTNEED = 1;
}

/// <summary>Argument of MADVISE: sets one attribute of the memory in an address range.</summary>
/// <remarks>
/// Ioctl: <c>DRM_IOCTL_XE_MADVISE</c>. Nodes: primary and render. Permission: none beyond opening the node. Blocks: on the VM's lock
/// and until page table entries are cleared and TLBs flushed. Faults: EFAULT when <c>retained_ptr</c> cannot be reached. Since: Linux
/// 6.18.
/// Data does not move now: the next GPU fault looks at the attributes again (xe_vm_madvise.c).
/// </remarks>
[StructLayout(LayoutKind.Explicit, Size = 64)]
public struct drm_xe_madvise
{
    /// <summary>Not looked at by the kernel; set to 0.</summary>
    [FieldOffset(0)]
    public ulong extensions;

    /// <summary>First GPU address, a multiple of 4096.</summary>
    [FieldOffset(8)]
    public ulong start;

    /// <summary>Length in bytes, a multiple of 4096, at least 4096.</summary>
    [FieldOffset(16)]
    public ulong range;

    /// <summary>The VM; EINVAL when it does not exist, ENOENT when it is closed.</summary>
    [FieldOffset(24)]
    public uint vm_id;

    /// <summary>One of <c>DRM_XE_MEM_RANGE_ATTR_*</c>, or <c>DRM_XE_VMA_ATTR_PURGEABLE_STATE</c>; selects the block below.</summary>
    [FieldOffset(28)]
    public uint type;

    /// <summary>For PREFERRED_LOC. Shares its bytes with atomic, pat_index and purge_state_val.</summary>
    [FieldOffset(32)]
    public drm_xe_madvise_preferred_mem_loc preferred_mem_loc;

    /// <summary>For ATOMIC. Shares its bytes with preferred_mem_loc.</summary>
    [FieldOffset(32)]
    public drm_xe_madvise_atomic atomic;

    /// <summary>For PAT. Shares its bytes with preferred_mem_loc.</summary>
    [FieldOffset(32)]
    public drm_xe_madvise_pat_index pat_index;

    /// <summary>For PURGEABLE_STATE. Shares its bytes with preferred_mem_loc.</summary>
    [FieldOffset(32)]
    public drm_xe_madvise_purge_state_val purge_state_val;

    /// <summary>Must be 0.</summary>
    [FieldOffset(48)]
    public InlineArray2<ulong> reserved;
}

/// <summary>Where pages should live: the anonymous struct <c>preferred_mem_loc</c> in drm_xe_madvise.</summary>
/// <remarks>
/// Carried by <c>DRM_IOCTL_XE_MADVISE</c>: nodes, permission, blocking and faults are those of that ioctl.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public struct drm_xe_madvise_preferred_mem_loc
{
    /// <summary>File descriptor of the device whose VRAM is meant, or one of <c>DRM_XE_PREFERRED_LOC_DEFAULT_*</c>.</summary>
    public uint devmem_fd;

    /// <summary>One of <c>DRM_XE_MIGRATE_*</c>.</summary>
    public ushort migration_policy;

    /// <summary>Instance of the VRAM region on that device; 0 with the default locations.</summary>
    public ushort region_instance;

    /// <summary>Must be 0.</summary>
    public ulong reserved;
}

/// <summary>Who does atomic operations: the anonymous struct <c>atomic</c> in drm_xe_madvise.</summary>
/// <remarks>
/// Carried by <c>DRM_IOCTL_XE_MADVISE</c>: nodes, permission, blocking and faults are those of that ioctl.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public struct drm_xe_madvise_atomic
{
    /// <summary>One of <c>DRM_XE_ATOMIC_*</c>.</summary>
    public uint val;

    /// <summary>Must be 0.</summary>
    public uint pad;

    /// <summary>Must be 0.</summary>
    public ulong reserved;
}

/// <summary>Caching and coherency: the anonymous struct <c>pat_index</c> in drm_xe_madvise.</summary>
/// <remarks>
/// Carried by <c>DRM_IOCTL_XE_MADVISE</c>: nodes, permission, blocking and faults are those of that ioctl.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public struct drm_xe_madvise_pat_index
{
    /// <summary>Index in the platform's page attribute table; used at the next bind of the range.</summary>
    public uint val;

    /// <summary>Must be 0.</summary>
    public uint pad;

    /// <summary>Must be 0.</summary>
    public ulong reserved;
}

/// <summary>Whether content may be discarded: the anonymous struct <c>purge_state_val</c> in drm_xe_madvise.</summary>
/// <remarks>
/// Carried by <c>DRM_IOCTL_XE_MADVISE</c>: nodes, permission, blocking and faults are those of that ioctl.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public struct drm_xe_madvise_purge_state_val
{
    /// <summary>One of <c>DRM_XE_VMA_PURGEABLE_STATE_*</c>.</summary>
    public uint val;

    /// <summary>Must be 0.</summary>
    public uint pad;

    /// <summary>
    /// User address of a 32-bit word, 0 on entry, that gets 1 when all content is still there, else 0; or 0 for no answer.
    /// </summary>
    public ulong retained_ptr;
}

/// <summary>The attributes of one mapping, as VM_QUERY_MEM_RANGE_ATTRS lists them.</summary>
/// <remarks>
/// Carried by <c>DRM_IOCTL_XE_VM_QUERY_MEM_RANGE_ATTRS</c>: nodes, permission, blocking and faults are those of that ioctl.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public struct drm_xe_mem_range_attr
{
    /// <summary>Reads as 0.</summary>
    public ulong extensions;

    /// <summary>First GPU address of the whole mapping, also where it begins before the range asked for.</summary>
    public ulong start;

    /// <summary>GPU address behind the mapping.</summary>
    public ulong end;

    /// <summary>Where its pages should live.</summary>
    public drm_xe_mem_range_attr_preferred_mem_loc preferred_mem_loc;

    /// <summary>Who does atomic operations on it.</summary>
    public drm_xe_mem_range_attr_atomic atomic;

    /// <summary>Its page attribute table index.</summary>
    public drm_xe_mem_range_attr_pat_index pat_index;

    /// <summary>Reads as 0.</summary>
    public InlineArray2<ulong> reserved;
}

/// <summary>Where pages should live: the anonymous struct <c>preferred_mem_loc</c> in drm_xe_mem_range_attr.</summary>
/// <remarks>
/// Carried by <c>DRM_IOCTL_XE_VM_QUERY_MEM_RANGE_ATTRS</c>: nodes, permission, blocking and faults are those of that ioctl.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public struct drm_xe_mem_range_attr_preferred_mem_loc
{
    /// <summary>The number that MADVISE was given: a file descriptor or one of <c>DRM_XE_PREFERRED_LOC_DEFAULT_*</c>.</summary>
    public uint devmem_fd;

    /// <summary>One of <c>DRM_XE_MIGRATE_*</c>; 32 bits wide here, 16 in drm_xe_madvise.</summary>
    public uint migration_policy;
}

/// <summary>Who does atomic operations: the anonymous struct <c>atomic</c> in drm_xe_mem_range_attr.</summary>
/// <remarks>
/// Carried by <c>DRM_IOCTL_XE_VM_QUERY_MEM_RANGE_ATTRS</c>: nodes, permission, blocking and faults are those of that ioctl.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public struct drm_xe_mem_range_attr_atomic
{
    /// <summary>One of <c>DRM_XE_ATOMIC_*</c>.</summary>
    public uint val;

    /// <summary>Reads as 0.</summary>
    public uint reserved;
}

/// <summary>Caching and coherency: the anonymous struct <c>pat_index</c> in drm_xe_mem_range_attr.</summary>
/// <remarks>
/// Carried by <c>DRM_IOCTL_XE_VM_QUERY_MEM_RANGE_ATTRS</c>: nodes, permission, blocking and faults are those of that ioctl.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public struct drm_xe_mem_range_attr_pat_index
{
    /// <summary>Index in the platform's page attribute table.</summary>
    public uint val;

    /// <summary>Reads as 0.</summary>
    public uint reserved;
}

/// <summary>Argument of VM_QUERY_MEM_RANGE_ATTRS: reads back the attributes of the mappings in an address range.</summary>
/// <remarks>
/// Ioctl: <c>DRM_IOCTL_XE_VM_QUERY_MEM_RANGE_ATTRS</c>. Nodes: primary and render. Permission: none beyond opening the node. Blocks: on
/// the VM's lock. Faults: EFAULT when the records cannot be written. Since: Linux 6.18.
/// Two calls: with number, size and pointer all 0 the kernel stores number and size; then it writes the records. ENOSPC when there are
/// more by then.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public struct drm_xe_vm_query_mem_range_attr
{
    /// <summary>Not looked at by the kernel; set to 0.</summary>
    public ulong extensions;

    /// <summary>The VM; EINVAL when it does not exist.</summary>
    public uint vm_id;

    /// <summary>In and out: number of records.</summary>
    public uint num_mem_ranges;

    /// <summary>First GPU address of interest.</summary>
    public ulong start;

    /// <summary>Length in bytes.</summary>
    public ulong range;

    /// <summary>In and out: size of one record in bytes, 64.</summary>
    public ulong sizeof_mem_range_attr;

    /// <summary>User address of the drm_xe_mem_range_attr records.</summary>
    public ulong vector_of_mem_attr;

    /// <summary>Set to 0.</summary>
    public InlineArray2<ulong> reserved;
}
