using System.Runtime.InteropServices;

namespace XeSvm.Interop.Uapi;

public static partial class DrmXe
{
    // enum drm_xe_observation_type: values of drm_xe_observation_param.observation_type.

    /// <summary>Observation architecture: hardware performance counters.</summary>
    public const ulong DRM_XE_OBSERVATION_TYPE_OA = 0;

    /// <summary>Sampling of why execution units stall.</summary>
    public const ulong DRM_XE_OBSERVATION_TYPE_EU_STALL = 1;

    // enum drm_xe_observation_op: values of drm_xe_observation_param.observation_op.

    /// <summary>Opens a stream; the ioctl returns its file descriptor.</summary>
    public const ulong DRM_XE_OBSERVATION_OP_STREAM_OPEN = 0;

    /// <summary>Adds an OA register configuration; the ioctl returns its id.</summary>
    public const ulong DRM_XE_OBSERVATION_OP_ADD_CONFIG = 1;

    /// <summary>Removes an OA register configuration.</summary>
    public const ulong DRM_XE_OBSERVATION_OP_REMOVE_CONFIG = 2;

    // enum drm_xe_observation_ioctls: requests on the stream's file descriptor.

    /// <summary>Starts data capture.</summary>
    public const uint DRM_XE_OBSERVATION_IOCTL_ENABLE = 0x6900;

    /// <summary>Stops data capture.</summary>
    public const uint DRM_XE_OBSERVATION_IOCTL_DISABLE = 0x6901;

    /// <summary>Changes the stream's configuration.</summary>
    public const uint DRM_XE_OBSERVATION_IOCTL_CONFIG = 0x6902;

    /// <summary>Reads the stream's state: drm_xe_oa_stream_status.</summary>
    public const uint DRM_XE_OBSERVATION_IOCTL_STATUS = 0x6903;

    /// <summary>Reads facts about the stream: drm_xe_oa_stream_info.</summary>
    public const uint DRM_XE_OBSERVATION_IOCTL_INFO = 0x6904;
}

/// <summary>Argument of OBSERVATION: opens an observation stream, or adds or removes a configuration.</summary>
/// <remarks>
/// Ioctl: <c>DRM_IOCTL_XE_OBSERVATION</c>. Nodes: primary and render. Permission: CAP_PERFMON, unless the sysctl
/// dev.xe.observation_paranoid is 0. Blocks: while the hardware is configured. Faults: EFAULT when <c>param</c> or its extension chain
/// cannot be read. Since: Linux 6.11 (not verified to the release).
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public struct drm_xe_observation_param
{
    /// <summary>Must be 0.</summary>
    public ulong extensions;

    /// <summary>One of <c>DRM_XE_OBSERVATION_TYPE_*</c>.</summary>
    public ulong observation_type;

    /// <summary>One of <c>DRM_XE_OBSERVATION_OP_*</c>.</summary>
    public ulong observation_op;

    /// <summary>
    /// User address of what the operation takes: an extension chain of properties, a drm_xe_oa_config, or the id of a configuration.
    /// </summary>
    public ulong param;
}
