using XeSvm.Interop.Uapi;

namespace XeSvm.Simulation.Driver.Ioctls;

/// <summary>DRM_IOCTL_XE_EXEC_QUEUE_GET_PROPERTY (xe_exec_queue_get_property_ioctl); extensions are not looked at.</summary>
internal static unsafe class ExecQueueGetPropertyIoctl
{
    public static int Invoke(SoftwareFile file, void* argument)
    {
        drm_xe_exec_queue_get_property* args = (drm_xe_exec_queue_get_property*)argument;
        if (!UapiChecks.AreZero(args->reserved))
        {
            return -Errno.EINVAL;
        }

        if (!file.Queues.TryGet(args->exec_queue_id, out XeExecQueue? queue))
        {
            return -Errno.ENOENT;
        }

        if (args->property != DrmXe.DRM_XE_EXEC_QUEUE_GET_PROPERTY_BAN)
        {
            return -Errno.EINVAL;
        }

        args->value = queue.IsBanned ? 1UL : 0;
        return 0;
    }
}
