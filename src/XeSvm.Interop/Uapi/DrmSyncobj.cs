using System.Runtime.InteropServices;

namespace XeSvm.Interop.Uapi;

public static partial class Drm
{
    // Values of drm_syncobj_create.flags.

    /// <summary>The new syncobj has a fence that is signalled already.</summary>
    public const uint DRM_SYNCOBJ_CREATE_SIGNALED = 0x1;

    // Values of drm_syncobj_handle.flags.

    /// <summary>The descriptor is a sync_file whose fence goes into an existing syncobj.</summary>
    public const uint DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_IMPORT_SYNC_FILE = 0x1;

    /// <summary>The fence goes to a point of the timeline.</summary>
    public const uint DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_TIMELINE = 0x2;

    /// <summary>The current fence is exported as a sync_file.</summary>
    public const uint DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE = 0x1;

    /// <summary>The fence of a point of the timeline is exported.</summary>
    public const uint DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_TIMELINE = 0x2;

    // Values of drm_syncobj_wait.flags and drm_syncobj_timeline_wait.flags.

    /// <summary>Waits for all handles, not for the first.</summary>
    public const uint DRM_SYNCOBJ_WAIT_FLAGS_WAIT_ALL = 0x1;

    /// <summary>Waits also for a fence to appear, instead of answering EINVAL.</summary>
    public const uint DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT = 0x2;

    /// <summary>Waits only until the fence has appeared. Timeline waits only.</summary>
    public const uint DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE = 0x4;

    /// <summary>deadline_nsec is a hint when the fence is needed.</summary>
    public const uint DRM_SYNCOBJ_WAIT_FLAGS_WAIT_DEADLINE = 0x8;

    // Values of drm_syncobj_timeline_array.flags.

    /// <summary>Asks for the last submitted point, not for the last signalled one.</summary>
    public const uint DRM_SYNCOBJ_QUERY_FLAGS_LAST_SUBMITTED = 0x1;

    // Request numbers of this group.

    /// <summary>Creates a syncobj; takes a drm_syncobj_create and writes it back.</summary>
    public const uint DRM_IOCTL_SYNCOBJ_CREATE = 0xc00864bf;

    /// <summary>Destroys a syncobj; takes a drm_syncobj_destroy and writes it back.</summary>
    public const uint DRM_IOCTL_SYNCOBJ_DESTROY = 0xc00864c0;

    /// <summary>Exports a syncobj or its fence; takes a drm_syncobj_handle and writes it back.</summary>
    public const uint DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD = 0xc01864c1;

    /// <summary>Imports a syncobj or a fence; takes a drm_syncobj_handle and writes it back.</summary>
    public const uint DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE = 0xc01864c2;

    /// <summary>Waits for binary syncobjs; takes a drm_syncobj_wait and writes it back.</summary>
    public const uint DRM_IOCTL_SYNCOBJ_WAIT = 0xc02864c3;

    /// <summary>Takes the fences out of syncobjs; takes a drm_syncobj_array and writes it back.</summary>
    public const uint DRM_IOCTL_SYNCOBJ_RESET = 0xc01064c4;

    /// <summary>Signals binary syncobjs; takes a drm_syncobj_array and writes it back.</summary>
    public const uint DRM_IOCTL_SYNCOBJ_SIGNAL = 0xc01064c5;

    /// <summary>Waits for points of timelines; takes a drm_syncobj_timeline_wait and writes it back.</summary>
    public const uint DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT = 0xc03064ca;

    /// <summary>Reads the points that timelines have reached; takes a drm_syncobj_timeline_array and writes it back.</summary>
    public const uint DRM_IOCTL_SYNCOBJ_QUERY = 0xc01864cb;

    /// <summary>Copies a fence from one syncobj to another; takes a drm_syncobj_transfer and writes it back.</summary>
    public const uint DRM_IOCTL_SYNCOBJ_TRANSFER = 0xc02064cc;

    /// <summary>Signals points of timelines; takes a drm_syncobj_timeline_array and writes it back.</summary>
    public const uint DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL = 0xc01864cd;

    /// <summary>Has an eventfd signalled with a syncobj; takes a drm_syncobj_eventfd and writes it back.</summary>
    public const uint DRM_IOCTL_SYNCOBJ_EVENTFD = 0xc01864cf;
}

/// <summary>Argument of SYNCOBJ_CREATE: creates a syncobj.</summary>
/// <remarks>
/// Ioctl: <c>DRM_IOCTL_SYNCOBJ_CREATE</c>. Nodes: primary and render. Permission: none beyond opening the node. Blocks: no. Faults: no.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public struct drm_syncobj_create
{
    /// <summary>Out: handle of the syncobj, unique in the open file, from 1.</summary>
    public uint handle;

    /// <summary>0 or <c>DRM_SYNCOBJ_CREATE_SIGNALED</c>.</summary>
    public uint flags;
}

/// <summary>Argument of SYNCOBJ_DESTROY: gives a syncobj handle back.</summary>
/// <remarks>
/// Ioctl: <c>DRM_IOCTL_SYNCOBJ_DESTROY</c>. Nodes: primary and render. Permission: none beyond opening the node. Blocks: no. Faults:
/// no.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public struct drm_syncobj_destroy
{
    /// <summary>The syncobj; EINVAL when it does not exist.</summary>
    public uint handle;

    /// <summary>Must be 0.</summary>
    public uint pad;
}

/// <summary>Argument of SYNCOBJ_HANDLE_TO_FD and SYNCOBJ_FD_TO_HANDLE.</summary>
/// <remarks>
/// Ioctl: <c>DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD</c> and <c>DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE</c>. Nodes: primary and render. Permission: none
/// beyond opening the node. Blocks: no. Faults: no.
/// point was added later: callers that pass the first 16 bytes still work, and point is 0 then.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public struct drm_syncobj_handle
{
    /// <summary>The syncobj.</summary>
    public uint handle;

    /// <summary>Bits of <c>DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_*</c> or of <c>DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_*</c>.</summary>
    public uint flags;

    /// <summary>The file descriptor: out for an export, in for an import.</summary>
    public int fd;

    /// <summary>Must be 0.</summary>
    public uint pad;

    /// <summary>Point of the timeline, with the TIMELINE flags; else 0.</summary>
    public ulong point;
}

/// <summary>Argument of SYNCOBJ_TRANSFER: copies a fence from one syncobj to another.</summary>
/// <remarks>
/// Ioctl: <c>DRM_IOCTL_SYNCOBJ_TRANSFER</c>. Nodes: primary and render. Permission: none beyond opening the node. Blocks: with
/// WAIT_FOR_SUBMIT, at most 5 seconds (ETIME). Faults: no.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public struct drm_syncobj_transfer
{
    /// <summary>The syncobj to copy from.</summary>
    public uint src_handle;

    /// <summary>The syncobj to copy to.</summary>
    public uint dst_handle;

    /// <summary>Point to copy from; 0 for a binary syncobj.</summary>
    public ulong src_point;

    /// <summary>Point to copy to; 0 for a binary syncobj.</summary>
    public ulong dst_point;

    /// <summary>0 or <c>DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT</c>.</summary>
    public uint flags;

    /// <summary>Must be 0.</summary>
    public uint pad;
}

/// <summary>Argument of SYNCOBJ_WAIT: waits for binary syncobjs.</summary>
/// <remarks>
/// Ioctl: <c>DRM_IOCTL_SYNCOBJ_WAIT</c>. Nodes: primary and render. Permission: none beyond opening the node. Blocks: yes: until the
/// fences have signalled or the timeout has passed (ETIME). Faults: EFAULT when the handles cannot be read.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public struct drm_syncobj_wait
{
    /// <summary>User address of count_handles handles of 32 bits.</summary>
    public ulong handles;

    /// <summary>Point on CLOCK_MONOTONIC in nanoseconds; 0 or a past one only looks.</summary>
    public long timeout_nsec;

    /// <summary>Number of handles; with 0 the call returns at once.</summary>
    public uint count_handles;

    /// <summary>Bits of <c>DRM_SYNCOBJ_WAIT_FLAGS_*</c>, but not WAIT_AVAILABLE.</summary>
    public uint flags;

    /// <summary>Out, without WAIT_ALL: index of a handle that has signalled.</summary>
    public uint first_signaled;

    /// <summary>Set to 0.</summary>
    public uint pad;

    /// <summary>With WAIT_DEADLINE: point on CLOCK_MONOTONIC in nanoseconds at which the fence is needed.</summary>
    public ulong deadline_nsec;
}

/// <summary>Argument of SYNCOBJ_TIMELINE_WAIT: waits for points of timeline syncobjs.</summary>
/// <remarks>
/// Ioctl: <c>DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT</c>. Nodes: primary and render. Permission: none beyond opening the node. Blocks: yes:
/// until the points have signalled or the timeout has passed (ETIME). Faults: EFAULT when the handles or the points cannot be read.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public struct drm_syncobj_timeline_wait
{
    /// <summary>User address of count_handles handles of 32 bits.</summary>
    public ulong handles;

    /// <summary>User address of count_handles points of 64 bits.</summary>
    public ulong points;

    /// <summary>Point on CLOCK_MONOTONIC in nanoseconds; 0 or a past one only looks.</summary>
    public long timeout_nsec;

    /// <summary>Number of handles and of points.</summary>
    public uint count_handles;

    /// <summary>Bits of <c>DRM_SYNCOBJ_WAIT_FLAGS_*</c>.</summary>
    public uint flags;

    /// <summary>Out, without WAIT_ALL: index of a handle that has signalled.</summary>
    public uint first_signaled;

    /// <summary>Set to 0.</summary>
    public uint pad;

    /// <summary>With WAIT_DEADLINE: point on CLOCK_MONOTONIC in nanoseconds at which the fence is needed.</summary>
    public ulong deadline_nsec;
}

/// <summary>Argument of SYNCOBJ_EVENTFD: has an eventfd signalled when a point signals or appears.</summary>
/// <remarks>
/// Ioctl: <c>DRM_IOCTL_SYNCOBJ_EVENTFD</c>. Nodes: primary and render. Permission: none beyond opening the node. Blocks: no. Faults:
/// no.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public struct drm_syncobj_eventfd
{
    /// <summary>The syncobj; ENOENT when it does not exist.</summary>
    public uint handle;

    /// <summary>0, or <c>DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE</c> to be told when the fence appears.</summary>
    public uint flags;

    /// <summary>Point of the timeline; 0 for a binary syncobj.</summary>
    public ulong point;

    /// <summary>The eventfd.</summary>
    public int fd;

    /// <summary>Must be 0.</summary>
    public uint pad;
}

/// <summary>Argument of SYNCOBJ_RESET and SYNCOBJ_SIGNAL: a list of binary syncobjs.</summary>
/// <remarks>
/// Ioctl: <c>DRM_IOCTL_SYNCOBJ_RESET</c> and <c>DRM_IOCTL_SYNCOBJ_SIGNAL</c>. Nodes: primary and render. Permission: none beyond
/// opening the node. Blocks: no. Faults: EFAULT when the handles cannot be read.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public struct drm_syncobj_array
{
    /// <summary>User address of count_handles handles of 32 bits.</summary>
    public ulong handles;

    /// <summary>Number of handles; 0 gives EINVAL.</summary>
    public uint count_handles;

    /// <summary>Must be 0.</summary>
    public uint pad;
}

/// <summary>Argument of SYNCOBJ_QUERY and SYNCOBJ_TIMELINE_SIGNAL: a list of points of timeline syncobjs.</summary>
/// <remarks>
/// Ioctl: <c>DRM_IOCTL_SYNCOBJ_QUERY</c> and <c>DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL</c>. Nodes: primary and render. Permission: none
/// beyond opening the node. Blocks: no. Faults: EFAULT when the handles cannot be read or the points cannot be reached.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public struct drm_syncobj_timeline_array
{
    /// <summary>User address of count_handles handles of 32 bits.</summary>
    public ulong handles;

    /// <summary>User address of count_handles points of 64 bits: out for a query, in for a signal.</summary>
    public ulong points;

    /// <summary>Number of handles and of points.</summary>
    public uint count_handles;

    /// <summary>For a query: 0 or <c>DRM_SYNCOBJ_QUERY_FLAGS_LAST_SUBMITTED</c>. For a signal: 0.</summary>
    public uint flags;
}
