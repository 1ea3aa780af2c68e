using XeSvm.Interop.Uapi;

namespace XeSvm.Simulation.Driver.Ioctls;

/// <summary>DRM_IOCTL_XE_EXEC_QUEUE_SET_PROPERTY (xe_exec_queue_set_property_ioctl); extensions are not looked at.</summary>
internal static unsafe class ExecQueueSetPropertyIoctl
{
    public static int Invoke(SoftwareFile file, void* argument)
    {
        drm_xe_exec_queue_set_property* args = (drm_xe_exec_queue_set_property*)argument;
        if (!UapiChecks.AreZero(args->reserved) || args->property != DrmXe.DRM_XE_EXEC_QUEUE_SET_PROPERTY_MULTI_QUEUE_PRIORITY)
        {
            return -Errno.EINVAL;
        }

        // The priority within a group is taken and kept nowhere: members run on threads of their own.
        return !file.Queues.TryGet(args->exec_queue_id, out XeExecQueue? queue) ? -Errno.ENOENT
            : args->value > QueueGroup.HighestPriority || queue.Group is null ? -Errno.EINVAL
            : 0;
    }
}
