using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace XeSvm.Interop.Uapi;

public static partial class DrmXe
{
    // Values of drm_xe_engine_class_instance.engine_class.

    /// <summary>Render engine (RCS): 3D, compute and copy commands.</summary>
    public const ushort DRM_XE_ENGINE_CLASS_RENDER = 0;

    /// <summary>Copy engine (BCS): block copies and fills.</summary>
    public const ushort DRM_XE_ENGINE_CLASS_COPY = 1;

    /// <summary>Video engine (VCS): decode and encode.</summary>
    public const ushort DRM_XE_ENGINE_CLASS_VIDEO_DECODE = 2;

    /// <summary>Video enhancement engine (VECS).</summary>
    public const ushort DRM_XE_ENGINE_CLASS_VIDEO_ENHANCE = 3;

    /// <summary>Compute engine (CCS).</summary>
    public const ushort DRM_XE_ENGINE_CLASS_COMPUTE = 4;

    /// <summary>No hardware engine: a queue of this class orders VM_BIND operations. Never in the list of engines.</summary>
    public const ushort DRM_XE_ENGINE_CLASS_VM_BIND = 5;
}

/// <summary>Names one engine: class, number within the class, and GT.</summary>
/// <remarks>
/// Carried by <c>DRM_IOCTL_XE_DEVICE_QUERY</c> and <c>DRM_IOCTL_XE_EXEC_QUEUE_CREATE</c>: nodes, permission, blocking and faults are
/// theirs.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public struct drm_xe_engine_class_instance
{
    /// <summary>One of <c>DRM_XE_ENGINE_CLASS_*</c>.</summary>
    public ushort engine_class;

    /// <summary>Logical number within class and GT, counted from 0 without gaps.</summary>
    public ushort engine_instance;

    /// <summary>Number of the GT that holds the engine, as in drm_xe_gt.</summary>
    public ushort gt_id;

    /// <summary>Must be 0.</summary>
    public ushort pad;
}

/// <summary>One engine that user space may submit to, as <c>DRM_XE_DEVICE_QUERY_ENGINES</c> lists it.</summary>
/// <remarks>
/// Carried by <c>DRM_IOCTL_XE_DEVICE_QUERY</c>: nodes, permission, blocking and faults are those of that ioctl.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public struct drm_xe_engine
{
    /// <summary>The engine's name, as EXEC_QUEUE_CREATE takes it.</summary>
    public drm_xe_engine_class_instance instance;

    /// <summary>Reads as 0.</summary>
    public InlineArray3<ulong> reserved;
}

/// <summary>
/// Answer of <c>DRM_XE_DEVICE_QUERY_ENGINES</c>. num_engines records of drm_xe_engine (the kernel's flexible array <c>engines</c>)
/// follow directly.
/// </summary>
/// <remarks>
/// Carried by <c>DRM_IOCTL_XE_DEVICE_QUERY</c>: nodes, permission, blocking and faults are those of that ioctl.
/// Engines come GT by GT; engines that the kernel keeps for itself are left out (xe_hw_engine_is_reserved).
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public struct drm_xe_query_engines
{
    /// <summary>Number of records that follow.</summary>
    public uint num_engines;

    /// <summary>Reads as 0.</summary>
    public uint pad;
}

/// <summary>
/// In and out block of <c>DRM_XE_DEVICE_QUERY_ENGINE_CYCLES</c>: an engine's time stamp counter read together with a CPU clock.
/// </summary>
/// <remarks>
/// Carried by <c>DRM_IOCTL_XE_DEVICE_QUERY</c>: nodes, permission, blocking and faults are those of that ioctl.
/// EOPNOTSUPP on an SR-IOV virtual function; EINVAL for an unknown engine or clock; EIO when the engine cannot be woken.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public struct drm_xe_query_engine_cycles
{
    /// <summary>In: the engine to read.</summary>
    public drm_xe_engine_class_instance eci;

    /// <summary>In: the CPU clock as of clock_gettime(2): REALTIME, MONOTONIC, MONOTONIC_RAW, BOOTTIME or TAI.</summary>
    public int clockid;

    /// <summary>Out: number of valid bits of engine_cycles, 36 or 64; the counter wraps there.</summary>
    public uint width;

    /// <summary>Out: the engine's counter, in ticks of the GT's reference_clock.</summary>
    public ulong engine_cycles;

    /// <summary>Out: the CPU clock, in nanoseconds, just before the counter was read.</summary>
    public ulong cpu_timestamp;

    /// <summary>Out: how long the read of the counter took, in nanoseconds.</summary>
    public ulong cpu_delta;
}
