using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace XeSvm.Interop.Uapi;

public static partial class DrmXe
{
    // Values of drm_xe_sync.type.

    /// <summary>A binary syncobj.</summary>
    public const uint DRM_XE_SYNC_TYPE_SYNCOBJ = 0;

    /// <summary>A point of a timeline syncobj.</summary>
    public const uint DRM_XE_SYNC_TYPE_TIMELINE_SYNCOBJ = 1;

    /// <summary>A 64-bit word in memory that gets a value on completion.</summary>
    public const uint DRM_XE_SYNC_TYPE_USER_FENCE = 2;

    // Values of drm_xe_sync.flags.

    /// <summary>The sync is signalled on completion; without it, it is waited for.</summary>
    public const uint DRM_XE_SYNC_FLAG_SIGNAL = 0x1;

    // Limit of drm_xe_exec.num_syncs and drm_xe_vm_bind.num_syncs.

    /// <summary>The largest number of syncs that one call takes.</summary>
    public const uint DRM_XE_MAX_SYNCS = 1024;

    // Values of drm_xe_wait_user_fence.op: unsigned comparison of the word with value, both under mask.

    /// <summary>Until the word equals the value.</summary>
    public const ushort DRM_XE_UFENCE_WAIT_OP_EQ = 0;

    /// <summary>Until the word differs from the value.</summary>
    public const ushort DRM_XE_UFENCE_WAIT_OP_NEQ = 1;

    /// <summary>Until the word is above the value.</summary>
    public const ushort DRM_XE_UFENCE_WAIT_OP_GT = 2;

    /// <summary>Until the word is at least the value.</summary>
    public const ushort DRM_XE_UFENCE_WAIT_OP_GTE = 3;

    /// <summary>Until the word is below the value.</summary>
    public const ushort DRM_XE_UFENCE_WAIT_OP_LT = 4;

    /// <summary>Until the word is at most the value.</summary>
    public const ushort DRM_XE_UFENCE_WAIT_OP_LTE = 5;

    // Values of drm_xe_wait_user_fence.flags.

    /// <summary>The timeout is a point on CLOCK_MONOTONIC, not a duration.</summary>
    public const ushort DRM_XE_UFENCE_WAIT_FLAG_ABSTIME = 0x1;
}

/// <summary>One fence to wait for or to signal.</summary>
/// <remarks>
/// Carried by <c>DRM_IOCTL_XE_EXEC</c> and <c>DRM_IOCTL_XE_VM_BIND</c>: nodes, permission, blocking and faults are theirs.
/// Syncobjs cannot be signalled by a VM in long-running mode (EOPNOTSUPP); user fences can only be signalled (xe_sync_entry_parse).
/// </remarks>
[StructLayout(LayoutKind.Explicit, Size = 48)]
public struct drm_xe_sync
{
    /// <summary>Not looked at by the kernel; set to 0.</summary>
    [FieldOffset(0)]
    public ulong extensions;

    /// <summary>One of <c>DRM_XE_SYNC_TYPE_*</c>.</summary>
    [FieldOffset(8)]
    public uint type;

    /// <summary>0 or <c>DRM_XE_SYNC_FLAG_SIGNAL</c>.</summary>
    [FieldOffset(12)]
    public uint flags;

    /// <summary>Handle of the syncobj. Shares its bytes with addr; the upper half must be 0.</summary>
    [FieldOffset(16)]
    public uint handle;

    /// <summary>
    /// Address of the user fence, a multiple of 8: a GPU address for EXEC, a CPU address for VM_BIND. Shares its bytes with handle.
    /// </summary>
    [FieldOffset(16)]
    public ulong addr;

    /// <summary>Point on the timeline, or the value that the user fence gets.</summary>
    [FieldOffset(24)]
    public ulong timeline_value;

    /// <summary>Must be 0.</summary>
    [FieldOffset(32)]
    public InlineArray2<ulong> reserved;
}

/// <summary>Argument of EXEC: submits one batch, or width of them, to a queue.</summary>
/// <remarks>
/// Ioctl: <c>DRM_IOCTL_XE_EXEC</c>. Nodes: primary and render. Permission: none beyond opening the node. Blocks: while objects of the
/// VM are validated and until the group of engines can change its mode. Faults: EFAULT when the syncs or, for a parallel queue, the
/// addresses cannot be read. Since: Linux 6.8.
/// EAGAIN when 1000 jobs are outstanding on the queue; ECANCELED when the queue or the VM is banned.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public struct drm_xe_exec
{
    /// <summary>Must be 0.</summary>
    public ulong extensions;

    /// <summary>The queue; ENOENT when it does not exist.</summary>
    public uint exec_queue_id;

    /// <summary>Number of sync records, at most <c>DRM_XE_MAX_SYNCS</c>.</summary>
    public uint num_syncs;

    /// <summary>User address of the drm_xe_sync records.</summary>
    public ulong syncs;

    /// <summary>GPU address of the batch or, for a queue of width above 1, user address of width GPU addresses of 64 bits.</summary>
    public ulong address;

    /// <summary>The queue's width, or 0 for a call that only handles fences.</summary>
    public ushort num_batch_buffer;

    /// <summary>Must be 0.</summary>
    public InlineArray3<ushort> pad;

    /// <summary>Must be 0.</summary>
    public InlineArray2<ulong> reserved;
}

/// <summary>Argument of WAIT_USER_FENCE: waits until a 64-bit word in the caller's memory passes a comparison.</summary>
/// <remarks>
/// Ioctl: <c>DRM_IOCTL_XE_WAIT_USER_FENCE</c>. Nodes: primary and render. Permission: none beyond opening the node. Blocks: yes: until
/// the comparison holds or the timeout has passed (ETIME). Faults: EFAULT when the word cannot be read. Since: Linux 6.8.
/// The word is looked at when a job or a bind ends, not when the CPU stores to it. A banned queue ends the wait with EIO.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public struct drm_xe_wait_user_fence
{
    /// <summary>Must be 0.</summary>
    public ulong extensions;

    /// <summary>User address of the word, a multiple of 8.</summary>
    public ulong addr;

    /// <summary>One of <c>DRM_XE_UFENCE_WAIT_OP_*</c>.</summary>
    public ushort op;

    /// <summary>0 or <c>DRM_XE_UFENCE_WAIT_FLAG_ABSTIME</c>.</summary>
    public ushort flags;

    /// <summary>Must be 0.</summary>
    public uint pad;

    /// <summary>Value to compare with.</summary>
    public ulong value;

    /// <summary>Bits that take part in the comparison.</summary>
    public ulong mask;

    /// <summary>Nanoseconds: negative waits for ever, 0 only looks. Out, without ABSTIME: what is left.</summary>
    public long timeout;

    /// <summary>A queue whose ban ends the wait, or 0.</summary>
    public uint exec_queue_id;

    /// <summary>Must be 0.</summary>
    public uint pad2;

    /// <summary>Must be 0.</summary>
    public InlineArray2<ulong> reserved;
}
