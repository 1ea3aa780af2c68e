using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace XeSvm.Interop.Uapi;

public static partial class DrmXe
{
    // Values of drm_xe_vm_create.flags.

    /// <summary>Unmapped addresses read as 0 and swallow writes, instead of faulting.</summary>
    public const uint DRM_XE_VM_CREATE_FLAG_SCRATCH_PAGE = 0x1;

    /// <summary>Long-running jobs: no job timeout, and completion through user fences only.</summary>
    public const uint DRM_XE_VM_CREATE_FLAG_LR_MODE = 0x2;

    /// <summary>GPU page faults are served; needed for CPU address mirroring. Only together with LR_MODE.</summary>
    public const uint DRM_XE_VM_CREATE_FLAG_FAULT_MODE = 0x4;

    /// <summary>An immediate bind does not evict other objects of the VM: it gives ENOMEM. Only together with FAULT_MODE.</summary>
    public const uint DRM_XE_VM_CREATE_FLAG_NO_VM_OVERCOMMIT = 0x8;

    // Values of xe_vm_fault.access_type.

    /// <summary>The GPU was reading.</summary>
    public const byte FAULT_ACCESS_TYPE_READ = 0;

    /// <summary>The GPU was writing.</summary>
    public const byte FAULT_ACCESS_TYPE_WRITE = 1;

    /// <summary>The GPU was doing an atomic operation.</summary>
    public const byte FAULT_ACCESS_TYPE_ATOMIC = 2;

    // Values of xe_vm_fault.fault_type.

    /// <summary>The address had no page table entry.</summary>
    public const byte FAULT_TYPE_NOT_PRESENT = 0;

    /// <summary>The entry does not allow writes.</summary>
    public const byte FAULT_TYPE_WRITE_ACCESS = 1;

    /// <summary>The entry does not allow atomic operations.</summary>
    public const byte FAULT_TYPE_ATOMIC_ACCESS = 2;

    // Values of xe_vm_fault.fault_level: the page table level at which the walk stopped.

    /// <summary>The lowest level: an entry maps 4 KiB or 64 KiB.</summary>
    public const byte FAULT_LEVEL_PTE = 0;

    /// <summary>Page directory: an entry spans 2 MiB.</summary>
    public const byte FAULT_LEVEL_PDE = 1;

    /// <summary>Page directory pointer table: an entry spans 1 GiB.</summary>
    public const byte FAULT_LEVEL_PDP = 2;

    /// <summary>Fourth level: an entry spans 512 GiB.</summary>
    public const byte FAULT_LEVEL_PML4 = 3;

    /// <summary>Fifth level, on devices with 57 address bits.</summary>
    public const byte FAULT_LEVEL_PML5 = 4;

    // Values of drm_xe_vm_get_property.property.

    /// <summary>The failed GPU faults that the kernel recorded: an array of xe_vm_fault.</summary>
    public const uint DRM_XE_VM_GET_PROPERTY_FAULTS = 0;
}

/// <summary>Argument of VM_CREATE: creates a GPU address space.</summary>
/// <remarks>
/// Ioctl: <c>DRM_IOCTL_XE_VM_CREATE</c>. Nodes: primary and render. Permission: none beyond opening the node. Blocks: while page tables
/// are allocated. Faults: no. Since: Linux 6.8.
/// A VM in fault mode mirrors the address space of the process that created it.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public struct drm_xe_vm_create
{
    /// <summary>Must be 0.</summary>
    public ulong extensions;

    /// <summary>Bits of <c>DRM_XE_VM_CREATE_FLAG_*</c>.</summary>
    public uint flags;

    /// <summary>Out: id of the VM, unique in the open file, from 1.</summary>
    public uint vm_id;

    /// <summary>Must be 0.</summary>
    public InlineArray2<ulong> reserved;
}

/// <summary>Argument of VM_DESTROY: closes a GPU address space.</summary>
/// <remarks>
/// Ioctl: <c>DRM_IOCTL_XE_VM_DESTROY</c>. Nodes: primary and render. Permission: none beyond opening the node. Blocks: until pending
/// binds have finished and the TLBs are invalidated. Faults: no. Since: Linux 6.8.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public struct drm_xe_vm_destroy
{
    /// <summary>The VM. EBUSY while queues exist on a VM in preempt-fence mode (LR_MODE without FAULT_MODE).</summary>
    public uint vm_id;

    /// <summary>Must be 0.</summary>
    public uint pad;

    /// <summary>Must be 0.</summary>
    public InlineArray2<ulong> reserved;
}

/// <summary>One recorded GPU page fault that could not be served.</summary>
/// <remarks>
/// Carried by <c>DRM_IOCTL_XE_VM_GET_PROPERTY</c>: nodes, permission, blocking and faults are those of that ioctl.
/// The kernel keeps the first 50 of a VM; reading does not clear them (xe_vm.c).
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public struct xe_vm_fault
{
    /// <summary>Faulting GPU address, rounded down to a page and sign-extended to 64 bits.</summary>
    public ulong address;

    /// <summary>Granularity of address in bytes: 4096.</summary>
    public uint address_precision;

    /// <summary>One of <c>FAULT_ACCESS_TYPE_*</c>.</summary>
    public byte access_type;

    /// <summary>One of <c>FAULT_TYPE_*</c>.</summary>
    public byte fault_type;

    /// <summary>One of <c>FAULT_LEVEL_*</c>.</summary>
    public byte fault_level;

    /// <summary>Reads as 0.</summary>
    public byte pad;

    /// <summary>Reads as 0.</summary>
    public InlineArray4<ulong> reserved;
}

/// <summary>Argument of VM_GET_PROPERTY: reads one property of a GPU address space.</summary>
/// <remarks>
/// Ioctl: <c>DRM_IOCTL_XE_VM_GET_PROPERTY</c>. Nodes: primary and render. Permission: none beyond opening the node. Blocks: no. Faults:
/// EFAULT when <c>data</c> cannot be written. Since: a 7.x release after 7.0 (not verified to the release).
/// With size 0 the kernel stores the size it needs; otherwise size must be a multiple of one record and not more than there is.
/// </remarks>
[StructLayout(LayoutKind.Explicit, Size = 56)]
public struct drm_xe_vm_get_property
{
    /// <summary>Must be 0.</summary>
    [FieldOffset(0)]
    public ulong extensions;

    /// <summary>The VM; ENOENT when it does not exist.</summary>
    [FieldOffset(8)]
    public uint vm_id;

    /// <summary><c>DRM_XE_VM_GET_PROPERTY_FAULTS</c>.</summary>
    [FieldOffset(12)]
    public uint property;

    /// <summary>In and out: size of the buffer in bytes; 0 asks for the size.</summary>
    [FieldOffset(16)]
    public uint size;

    /// <summary>Must be 0.</summary>
    [FieldOffset(20)]
    public uint pad;

    /// <summary>User address of the buffer, for properties that are arrays. Shares its bytes with value.</summary>
    [FieldOffset(24)]
    public ulong data;

    /// <summary>Out: the property, when it is a single number. Shares its bytes with data.</summary>
    [FieldOffset(24)]
    public ulong value;

    /// <summary>Must be 0.</summary>
    [FieldOffset(32)]
    public InlineArray3<ulong> reserved;
}
