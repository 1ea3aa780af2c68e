using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace XeSvm.Interop.Uapi;

public static partial class DrmXe
{
    // Extensions of EXEC_QUEUE_CREATE and their properties; SET_PROPERTY takes the same numbers.

    /// <summary>Extension name: sets one property of the queue, with a drm_xe_ext_set_property.</summary>
    public const uint DRM_XE_EXEC_QUEUE_EXTENSION_SET_PROPERTY = 0;

    /// <summary>Property: priority 0 to 2, limited by <c>DRM_XE_QUERY_CONFIG_MAX_EXEC_QUEUE_PRIORITY</c> (EPERM above it).</summary>
    public const uint DRM_XE_EXEC_QUEUE_SET_PROPERTY_PRIORITY = 0;

    /// <summary>Property: time slice in microseconds.</summary>
    public const uint DRM_XE_EXEC_QUEUE_SET_PROPERTY_TIMESLICE = 1;

    /// <summary>Property: the kind of protected content, one of <c>DRM_XE_PXP_TYPE_*</c>.</summary>
    public const uint DRM_XE_EXEC_QUEUE_SET_PROPERTY_PXP_TYPE = 2;

    /// <summary>Property: user address of a context image to start from, for replaying a hang.</summary>
    public const uint DRM_XE_EXEC_QUEUE_SET_HANG_REPLAY_STATE = 3;

    /// <summary>Property: makes the queue the first of a group, or adds it to the group of the queue in the low 32 bits.</summary>
    public const uint DRM_XE_EXEC_QUEUE_SET_PROPERTY_MULTI_GROUP = 4;

    /// <summary>Value of MULTI_GROUP: this queue is the first of a new group.</summary>
    public const ulong DRM_XE_MULTI_GROUP_CREATE = 0x8000_0000_0000_0000;

    /// <summary>Property: priority 0 to 2 within the queue's group.</summary>
    public const uint DRM_XE_EXEC_QUEUE_SET_PROPERTY_MULTI_QUEUE_PRIORITY = 5;

    /// <summary>Property: turns a state cache workaround off, on render queues.</summary>
    public const uint DRM_XE_EXEC_QUEUE_SET_DISABLE_STATE_CACHE_PERF_FIX = 6;

    // Values of drm_xe_exec_queue_create.flags.

    /// <summary>Asks for a higher GPU frequency while the queue has work.</summary>
    public const uint DRM_XE_EXEC_QUEUE_LOW_LATENCY_HINT = 0x1;

    // Values of drm_xe_exec_queue_get_property.property.

    /// <summary>Whether the queue was reset, killed or banned: 1 or 0.</summary>
    public const uint DRM_XE_EXEC_QUEUE_GET_PROPERTY_BAN = 0;
}

/// <summary>Argument of EXEC_QUEUE_CREATE: creates a queue for batches, or for binds.</summary>
/// <remarks>
/// Ioctl: <c>DRM_IOCTL_XE_EXEC_QUEUE_CREATE</c>. Nodes: primary and render. Permission: none beyond opening the node. Blocks: while the
/// queue is allocated and, on a VM in fault mode, until its group of engines can change its mode. Faults: EFAULT when <c>instances</c>
/// or the extension chain cannot be read. Since: Linux 6.8.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public struct drm_xe_exec_queue_create
{
    /// <summary>User address of the first extension, or 0.</summary>
    public ulong extensions;

    /// <summary>Number of batches that one EXEC submits in parallel; 1 for most queues.</summary>
    public ushort width;

    /// <summary>Number of engines that each batch may be placed on.</summary>
    public ushort num_placements;

    /// <summary>The VM that the queue works in; ENOENT when it does not exist.</summary>
    public uint vm_id;

    /// <summary>0 or <c>DRM_XE_EXEC_QUEUE_LOW_LATENCY_HINT</c>.</summary>
    public uint flags;

    /// <summary>Out: id of the queue, unique in the open file, from 1.</summary>
    public uint exec_queue_id;

    /// <summary>
    /// User address of width times num_placements records of drm_xe_engine_class_instance; entry j * width + i is placement j of batch
    /// i.
    /// </summary>
    public ulong instances;

    /// <summary>Must be 0.</summary>
    public InlineArray2<ulong> reserved;
}

/// <summary>Argument of EXEC_QUEUE_DESTROY: kills a queue; what runs on it is discarded.</summary>
/// <remarks>
/// Ioctl: <c>DRM_IOCTL_XE_EXEC_QUEUE_DESTROY</c>. Nodes: primary and render. Permission: none beyond opening the node. Blocks: no.
/// Faults: no. Since: Linux 6.8.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public struct drm_xe_exec_queue_destroy
{
    /// <summary>The queue; ENOENT when it does not exist.</summary>
    public uint exec_queue_id;

    /// <summary>Must be 0.</summary>
    public uint pad;

    /// <summary>Must be 0.</summary>
    public InlineArray2<ulong> reserved;
}

/// <summary>Argument of EXEC_QUEUE_GET_PROPERTY: reads one property of a queue.</summary>
/// <remarks>
/// Ioctl: <c>DRM_IOCTL_XE_EXEC_QUEUE_GET_PROPERTY</c>. Nodes: primary and render. Permission: none beyond opening the node. Blocks: no.
/// Faults: no. Since: Linux 6.8.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public struct drm_xe_exec_queue_get_property
{
    /// <summary>Not looked at by the kernel; set to 0.</summary>
    public ulong extensions;

    /// <summary>The queue; ENOENT when it does not exist.</summary>
    public uint exec_queue_id;

    /// <summary><c>DRM_XE_EXEC_QUEUE_GET_PROPERTY_BAN</c>.</summary>
    public uint property;

    /// <summary>Out: the property's value.</summary>
    public ulong value;

    /// <summary>Must be 0.</summary>
    public InlineArray2<ulong> reserved;
}

/// <summary>Argument of EXEC_QUEUE_SET_PROPERTY: changes one property of an existing queue.</summary>
/// <remarks>
/// Ioctl: <c>DRM_IOCTL_XE_EXEC_QUEUE_SET_PROPERTY</c>. Nodes: primary and render. Permission: none beyond opening the node. Blocks: no.
/// Faults: no. Since: about Linux 7.0 (not verified to the release).
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public struct drm_xe_exec_queue_set_property
{
    /// <summary>Not looked at by the kernel; set to 0.</summary>
    public ulong extensions;

    /// <summary>The queue; ENOENT when it does not exist.</summary>
    public uint exec_queue_id;

    /// <summary><c>DRM_XE_EXEC_QUEUE_SET_PROPERTY_MULTI_QUEUE_PRIORITY</c>; all else gives EINVAL.</summary>
    public uint property;

    /// <summary>The property's new value.</summary>
    public ulong value;

    /// <summary>Must be 0.</summary>
    public InlineArray2<ulong> reserved;
}
