using XeSvm.Interop.Uapi;

namespace XeSvm.Simulation.Driver.Ioctls;

/// <summary>DRM_IOCTL_XE_EXEC_QUEUE_DESTROY (xe_exec_queue_destroy_ioctl): running work is stopped and dropped.</summary>
internal static unsafe class ExecQueueDestroyIoctl
{
    public static int Invoke(SoftwareFile file, void* argument)
    {
        drm_xe_exec_queue_destroy* args = (drm_xe_exec_queue_destroy*)argument;
        if (args->pad != 0 || !UapiChecks.AreZero(args->reserved))
        {
            return -Errno.EINVAL;
        }

        if (!file.Queues.TryRemove(args->exec_queue_id, out XeExecQueue? queue))
        {
            return -Errno.ENOENT;
        }

        queue.Dispose();
        return 0;
    }
}
