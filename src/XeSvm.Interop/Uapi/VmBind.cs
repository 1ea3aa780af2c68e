using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace XeSvm.Interop.Uapi;

public static partial class DrmXe
{
    // Values of drm_xe_vm_bind_op.op.

    /// <summary>Maps a buffer object, a null range or a mirror of CPU addresses.</summary>
    public const uint DRM_XE_VM_BIND_OP_MAP = 0;

    /// <summary>Removes every mapping in the range; holes are fine.</summary>
    public const uint DRM_XE_VM_BIND_OP_UNMAP = 1;

    /// <summary>Maps memory of the process by its CPU address, page tables filled at once.</summary>
    public const uint DRM_XE_VM_BIND_OP_MAP_USERPTR = 2;

    /// <summary>Removes every mapping of one buffer object.</summary>
    public const uint DRM_XE_VM_BIND_OP_UNMAP_ALL = 3;

    /// <summary>Moves what the range maps to a memory region, ahead of use.</summary>
    public const uint DRM_XE_VM_BIND_OP_PREFETCH = 4;

    // Values of drm_xe_vm_bind_op.flags.

    /// <summary>The GPU may only read; a write fails at fault time with EPERM.</summary>
    public const uint DRM_XE_VM_BIND_FLAG_READONLY = 0x1;

    /// <summary>Page tables are written by the call, also on a VM in fault mode. Without effect on mirrors.</summary>
    public const uint DRM_XE_VM_BIND_FLAG_IMMEDIATE = 0x2;

    /// <summary>No backing: reads give 0, writes vanish. Only with MAP and no object.</summary>
    public const uint DRM_XE_VM_BIND_FLAG_NULL = 0x4;

    /// <summary>The content goes into a device core dump.</summary>
    public const uint DRM_XE_VM_BIND_FLAG_DUMPABLE = 0x8;

    /// <summary>The bind is refused with ENOEXEC when the object's protected content is stale.</summary>
    public const uint DRM_XE_VM_BIND_FLAG_CHECK_PXP = 0x10;

    /// <summary>Mirrors the process's own address space one to one, filled by GPU faults. Only on a VM in fault mode.</summary>
    public const uint DRM_XE_VM_BIND_FLAG_CPU_ADDR_MIRROR = 0x20;

    /// <summary>Memory attributes go back to their defaults when the CPU unmaps. Only with MAP and CPU_ADDR_MIRROR.</summary>
    public const uint DRM_XE_VM_BIND_FLAG_MADVISE_AUTORESET = 0x40;

    /// <summary>The object is decompressed in place before it is mapped.</summary>
    public const uint DRM_XE_VM_BIND_FLAG_DECOMPRESS = 0x80;

    // Special value of drm_xe_vm_bind_op.prefetch_mem_region_instance.

    /// <summary>Prefetches to the preferred location that MADVISE set; all bits set (-1 in the kernel's header).</summary>
    public const uint DRM_XE_CONSULT_MEM_ADVISE_PREF_LOC = 0xffffffff;
}

/// <summary>One operation of a VM_BIND.</summary>
/// <remarks>
/// Carried by <c>DRM_IOCTL_XE_VM_BIND</c>: nodes, permission, blocking and faults are those of that ioctl.
/// CPU_ADDR_MIRROR is in Linux 6.15 and later, MADVISE_AUTORESET in 6.18 and later.
/// </remarks>
[StructLayout(LayoutKind.Explicit, Size = 80)]
public struct drm_xe_vm_bind_op
{
    /// <summary>Not looked at by the kernel; set to 0.</summary>
    [FieldOffset(0)]
    public ulong extensions;

    /// <summary>Handle of the buffer object for MAP and UNMAP_ALL; 0 for all else and with NULL or CPU_ADDR_MIRROR.</summary>
    [FieldOffset(8)]
    public uint obj;

    /// <summary>Index in the platform's page attribute table: caching and coherency. Checked for every op, UNMAP included.</summary>
    [FieldOffset(12)]
    public ushort pat_index;

    /// <summary>Set to 0.</summary>
    [FieldOffset(14)]
    public ushort pad;

    /// <summary>
    /// Offset of the mapping in the object, in bytes, a multiple of 4096. Shares its bytes with userptr and cpu_addr_mirror_offset.
    /// </summary>
    [FieldOffset(16)]
    public ulong obj_offset;

    /// <summary>CPU address of the memory for MAP_USERPTR, a multiple of 4096. Shares its bytes with obj_offset.</summary>
    [FieldOffset(16)]
    public ulong userptr;

    /// <summary>Distance of GPU and CPU addresses in a mirror, in bytes; must be 0. Shares its bytes with obj_offset.</summary>
    [FieldOffset(16)]
    public long cpu_addr_mirror_offset;

    /// <summary>Length in bytes, a multiple of 4096; 0 only for UNMAP_ALL.</summary>
    [FieldOffset(24)]
    public ulong range;

    /// <summary>First GPU address, a multiple of 4096, not sign-extended; 0 for UNMAP_ALL.</summary>
    [FieldOffset(32)]
    public ulong addr;

    /// <summary>One of <c>DRM_XE_VM_BIND_OP_*</c>.</summary>
    [FieldOffset(40)]
    public uint op;

    /// <summary>Bits of <c>DRM_XE_VM_BIND_FLAG_*</c>.</summary>
    [FieldOffset(44)]
    public uint flags;

    /// <summary>For PREFETCH: instance of the target region, or <c>DRM_XE_CONSULT_MEM_ADVISE_PREF_LOC</c>; else 0.</summary>
    [FieldOffset(48)]
    public uint prefetch_mem_region_instance;

    /// <summary>Set to 0.</summary>
    [FieldOffset(52)]
    public uint pad2;

    /// <summary>Set to 0.</summary>
    [FieldOffset(56)]
    public InlineArray3<ulong> reserved;
}

/// <summary>Argument of VM_BIND: changes mappings, all operations or none.</summary>
/// <remarks>
/// Ioctl: <c>DRM_IOCTL_XE_VM_BIND</c>. Nodes: primary and render. Permission: none beyond opening the node. Blocks: on the VM's lock
/// and while memory is moved or page tables are allocated; the page table writes themselves are queued. Faults: EFAULT when the
/// operations, the syncs, user memory to be mapped or a user fence cannot be reached. Since: Linux 6.8.
/// </remarks>
[StructLayout(LayoutKind.Explicit, Size = 136)]
public struct drm_xe_vm_bind
{
    /// <summary>Must be 0.</summary>
    [FieldOffset(0)]
    public ulong extensions;

    /// <summary>The VM. An unknown one gives EINVAL, a closed one ENOENT.</summary>
    [FieldOffset(8)]
    public uint vm_id;

    /// <summary>A queue of class VM_BIND made for this VM, or 0 for the VM's own bind queue.</summary>
    [FieldOffset(12)]
    public uint exec_queue_id;

    /// <summary>Must be 0.</summary>
    [FieldOffset(16)]
    public uint pad;

    /// <summary>Number of operations; 0 only signals the syncs once earlier binds are done.</summary>
    [FieldOffset(20)]
    public uint num_binds;

    /// <summary>The operation, when num_binds is 1. Shares its bytes with vector_of_binds.</summary>
    [FieldOffset(24)]
    public drm_xe_vm_bind_op bind;

    /// <summary>User address of num_binds records of drm_xe_vm_bind_op, when num_binds is above 1. Shares its bytes with bind.</summary>
    [FieldOffset(24)]
    public ulong vector_of_binds;

    /// <summary>Must be 0.</summary>
    [FieldOffset(104)]
    public uint pad2;

    /// <summary>Number of sync records, at most <c>DRM_XE_MAX_SYNCS</c>.</summary>
    [FieldOffset(108)]
    public uint num_syncs;

    /// <summary>User address of the drm_xe_sync records; they hold for the whole call.</summary>
    [FieldOffset(112)]
    public ulong syncs;

    /// <summary>Must be 0.</summary>
    [FieldOffset(120)]
    public InlineArray2<ulong> reserved;
}
