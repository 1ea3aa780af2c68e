using System.Diagnostics;

using XeSvm.Interop.Uapi;

namespace XeSvm.Simulation.Driver.Ioctls;

/// <summary>
/// DRM_IOCTL_XE_WAIT_USER_FENCE (xe_wait_user_fence_ioctl). Not a watch on memory: the waiter looks again at every user interrupt and
/// every bind fence of the device, and when the time is over.
/// </summary>
internal static unsafe class WaitUserFenceIoctl
{
    private const ushort LastOperation = (ushort)DrmXe.DRM_XE_UFENCE_WAIT_OP_LTE;

    public static int Invoke(SoftwareFile file, void* argument)
    {
        drm_xe_wait_user_fence* args = (drm_xe_wait_user_fence*)argument;
        if (args->extensions != 0 || args->pad != 0 || args->pad2 != 0 || !UapiChecks.AreZero(args->reserved)
            || (args->flags & ~(uint)DrmXe.DRM_XE_UFENCE_WAIT_FLAG_ABSTIME) != 0
            || args->op > LastOperation || (args->addr & 7) != 0)
        {
            return -Errno.EINVAL;
        }

        XeExecQueue? queue = null;
        if (args->exec_queue_id != 0 && !file.Queues.TryGet(args->exec_queue_id, out queue))
        {
            return -Errno.ENOENT;
        }

        bool absolute = (args->flags & DrmXe.DRM_XE_UFENCE_WAIT_FLAG_ABSTIME) != 0;
        long deadline = Deadline(args->timeout, absolute);
        int result = Wait(file, args, queue, deadline);
        if (!absolute)
        {
            args->timeout = deadline == long.MaxValue ? long.MaxValue : Math.Max(0, deadline - Now());
        }
        else if (args->timeout < 0)
        {
            args->timeout = long.MaxValue;
        }

        return result;
    }

    private static int Wait(SoftwareFile file, drm_xe_wait_user_fence* args, XeExecQueue? queue, long deadline)
    {
        bool expired = false;
        while (true)
        {
            long generation = file.Device.UserFences.Generation;
            ulong value;
            if (file.Client.Read(args->addr, &value, sizeof(ulong)) < 0)
            {
                return -Errno.EFAULT;
            }

            if (IsMet(args->op, value & args->mask, args->value & args->mask))
            {
                return 0;
            }

            if (file.IsClosing)
            {
                return -Errno.EINTR;
            }

            if (file.Device.Loss.IsLost)
            {
                return -Errno.ECANCELED;
            }

            if (queue is { IsBanned: true })
            {
                return -Errno.EIO;
            }

            if (expired)
            {
                return -Errno.ETIME;
            }

            // One more look after the time is over, as the fence may have been signalled without a wake.
            expired = !file.Device.UserFences.Wait(generation, deadline);
        }
    }

    private static bool IsMet(ushort operation, ulong left, ulong right) => (uint)operation switch
    {
        DrmXe.DRM_XE_UFENCE_WAIT_OP_EQ => left == right,
        DrmXe.DRM_XE_UFENCE_WAIT_OP_NEQ => left != right,
        DrmXe.DRM_XE_UFENCE_WAIT_OP_GT => left > right,
        DrmXe.DRM_XE_UFENCE_WAIT_OP_GTE => left >= right,
        DrmXe.DRM_XE_UFENCE_WAIT_OP_LT => left < right,
        _ => left <= right,
    };

    private static long Deadline(long timeout, bool absolute)
    {
        if (timeout < 0)
        {
            return long.MaxValue;
        }

        return absolute ? timeout : timeout > long.MaxValue - Now() ? long.MaxValue : Now() + timeout;
    }

    /// <summary>CLOCK_MONOTONIC in nanoseconds, which on Linux is what a Stopwatch counts.</summary>
    private static long Now() => Stopwatch.GetTimestamp();
}
