using XeSvm.Interop.Uapi;

namespace XeSvm.Simulation.Driver.Ioctls;

/// <summary>DRM_IOCTL_XE_OBSERVATION (xe_observation_ioctl) on a device that has neither OA units nor EU stall sampling.</summary>
internal static unsafe class ObservationIoctl
{
    public static int Invoke(SoftwareFile file, void* argument)
    {
        drm_xe_observation_param* args = (drm_xe_observation_param*)argument;
        bool known = args->observation_type switch
        {
            DrmXe.DRM_XE_OBSERVATION_TYPE_OA => args->observation_op <= DrmXe.DRM_XE_OBSERVATION_OP_REMOVE_CONFIG,
            DrmXe.DRM_XE_OBSERVATION_TYPE_EU_STALL => args->observation_op == DrmXe.DRM_XE_OBSERVATION_OP_STREAM_OPEN,
            _ => false,
        };
        return args->extensions != 0 || !known ? -Errno.EINVAL : -Errno.ENODEV;
    }
}
