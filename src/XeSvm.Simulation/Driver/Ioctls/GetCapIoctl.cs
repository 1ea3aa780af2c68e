using XeSvm.Interop.Uapi;

namespace XeSvm.Simulation.Driver.Ioctls;

/// <summary>DRM_IOCTL_GET_CAP on a device without modesetting (drm_getcap).</summary>
internal static unsafe class GetCapIoctl
{
    public static int Invoke(SoftwareFile file, void* argument)
    {
        drm_get_cap* cap = (drm_get_cap*)argument;
        cap->value = 0;
        switch (cap->capability)
        {
            case Drm.DRM_CAP_TIMESTAMP_MONOTONIC:
            case Drm.DRM_CAP_SYNCOBJ:
            case Drm.DRM_CAP_SYNCOBJ_TIMELINE:
                cap->value = 1;
                return 0;
            case Drm.DRM_CAP_PRIME:
                cap->value = Drm.DRM_PRIME_CAP_IMPORT | Drm.DRM_PRIME_CAP_EXPORT;
                return 0;
            default:
                // The rest needs modesetting.
                return -Errno.EOPNOTSUPP;
        }
    }
}
