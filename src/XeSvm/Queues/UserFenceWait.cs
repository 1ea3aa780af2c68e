using XeSvm.Interop;
using XeSvm.Interop.Uapi;

namespace XeSvm;

/// <summary>WAIT_USER_FENCE: waiting for a word in memory to reach a value.</summary>
internal static class UserFenceWait
{
    /// <summary>
    /// How long a cancellation may go unnoticed, in nanoseconds. The driver's wait ends with the fence or its timeout and with nothing else, so
    /// a wait that can be cancelled is a row of shorter ones.
    /// </summary>
    private const long CancellationInterval = 20_000_000;

    /// <summary>Waits until the word is at least the value.</summary>
    /// <param name="file">The device's file.</param>
    /// <param name="address">The word's CPU address, aligned to 8.</param>
    /// <param name="value">The value.</param>
    /// <param name="timeout">How long at most; <see cref="Timeout.InfiniteTimeSpan"/> for ever, zero for one look.</param>
    /// <param name="queueId">A queue whose ban ends the wait with EIO, or 0.</param>
    internal static XeResult ForValue(DeviceFile file, ulong address, ulong value, TimeSpan timeout, uint queueId)
    {
        long nanoseconds = timeout == Timeout.InfiniteTimeSpan ? -1 : SyncClock.Nanoseconds(timeout);
        return Wait(file, address, value, nanoseconds, queueId);
    }

    /// <summary>Waits until the word is at least the value, or the wait is cancelled.</summary>
    /// <exception cref="OperationCanceledException">The token was cancelled; the work goes on.</exception>
    internal static XeResult ForValue(
        DeviceFile file, ulong address, ulong value, TimeSpan timeout, uint queueId, CancellationToken cancellationToken)
    {
        if (!cancellationToken.CanBeCanceled)
        {
            return ForValue(file, address, value, timeout, queueId);
        }

        long deadline = SyncClock.Deadline(timeout);
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            long remaining = deadline == 0 ? 0 : SyncClock.Remaining(deadline);
            XeResult result = Wait(file, address, value, Math.Min(remaining, CancellationInterval), queueId);
            if (result.Errno != Errno.ETIME || remaining <= CancellationInterval)
            {
                return result;
            }
        }
    }

    private static XeResult Wait(DeviceFile file, ulong address, ulong value, long timeout, uint queueId)
    {
        drm_xe_wait_user_fence request = new()
        {
            addr = address,
            op = DrmXe.DRM_XE_UFENCE_WAIT_OP_GTE,
            value = value,
            mask = ulong.MaxValue,
            timeout = timeout,
            exec_queue_id = queueId,
        };
        return file.Ioctl(DrmXe.DRM_IOCTL_XE_WAIT_USER_FENCE, ref request);
    }
}
