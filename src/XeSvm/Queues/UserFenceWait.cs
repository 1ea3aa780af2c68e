using XeSvm.Interop.Uapi;

namespace XeSvm;

/// <summary>WAIT_USER_FENCE: waiting for a word in memory to reach a value.</summary>
internal static class UserFenceWait
{
    private const long NanosecondsPerTick = 100;

    /// <summary>Waits until the word is at least the value.</summary>
    /// <param name="file">The device's file.</param>
    /// <param name="address">The word's CPU address, aligned to 8.</param>
    /// <param name="value">The value.</param>
    /// <param name="timeout">How long at most; <see cref="Timeout.InfiniteTimeSpan"/> for ever, zero for one look.</param>
    /// <param name="queueId">A queue whose ban ends the wait with EIO, or 0.</param>
    internal static XeResult ForValue(DeviceFile file, ulong address, ulong value, TimeSpan timeout, uint queueId)
    {
        drm_xe_wait_user_fence request = new()
        {
            addr = address,
            op = DrmXe.DRM_XE_UFENCE_WAIT_OP_GTE,
            value = value,
            mask = ulong.MaxValue,
            timeout = Nanoseconds(timeout),
            exec_queue_id = queueId,
        };
        return file.Ioctl(DrmXe.DRM_IOCTL_XE_WAIT_USER_FENCE, ref request);
    }

    private static long Nanoseconds(TimeSpan timeout)
    {
        if (timeout == Timeout.InfiniteTimeSpan)
        {
            return -1;
        }

        ArgumentOutOfRangeException.ThrowIfLessThan(timeout, TimeSpan.Zero);
        return timeout.Ticks > long.MaxValue / NanosecondsPerTick ? long.MaxValue : timeout.Ticks * NanosecondsPerTick;
    }
}
