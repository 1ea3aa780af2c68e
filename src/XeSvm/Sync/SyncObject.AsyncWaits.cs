namespace XeSvm;

/// <content>Waiting without keeping the caller's thread.</content>
public sealed unsafe partial class SyncObject
{
    /// <summary>Waits until the fence has signalled, on a thread of its own: the driver blocks whoever waits.</summary>
    /// <param name="timeout">How long at most; <see cref="Timeout.InfiniteTimeSpan"/> for ever, zero for one look.</param>
    /// <param name="options">What to do about a fence that was not submitted yet.</param>
    /// <param name="cancellationToken">Ends the wait at once.</param>
    /// <returns>Ends with <see cref="XeException"/>: ETIME, the timeout is over; EINVAL, there is no fence yet. Or cancelled.</returns>
    /// <exception cref="ObjectDisposedException">The sync object was disposed.</exception>
    public Task WaitAsync(TimeSpan timeout, SyncWaitOptions options = SyncWaitOptions.None, CancellationToken cancellationToken = default) =>
        WaitPointAsync(0, timeout, options, cancellationToken);

    /// <summary>Waits until a point of the timeline has signalled, on a thread of its own: the driver blocks whoever waits.</summary>
    /// <param name="point">The point.</param>
    /// <param name="timeout">How long at most; <see cref="Timeout.InfiniteTimeSpan"/> for ever, zero for one look.</param>
    /// <param name="options">What to do about a point that was not submitted yet.</param>
    /// <param name="cancellationToken">Ends the wait at once.</param>
    /// <returns>Ends with <see cref="XeException"/>: ETIME, the timeout is over; EINVAL, the point was not submitted yet. Or cancelled.</returns>
    /// <exception cref="ObjectDisposedException">The sync object was disposed.</exception>
    public Task WaitPointAsync(
        ulong point, TimeSpan timeout, SyncWaitOptions options = SyncWaitOptions.None, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_handle.IsDisposed, this);
        long start = System.Diagnostics.Stopwatch.GetTimestamp();

        // Not on a thread of the pool, of which a few waits would take all.
        return Task.Factory.StartNew(
            () => WaitPoint(point, Remaining(timeout, start), options, cancellationToken),
            cancellationToken,
            TaskCreationOptions.LongRunning | TaskCreationOptions.DenyChildAttach,
            TaskScheduler.Default);
    }

    /// <summary>The time counts from the call, not from when the thread runs.</summary>
    private static TimeSpan Remaining(TimeSpan timeout, long start)
    {
        if (timeout <= TimeSpan.Zero)
        {
            return timeout;
        }

        TimeSpan left = timeout - System.Diagnostics.Stopwatch.GetElapsedTime(start);
        return left > TimeSpan.Zero ? left : TimeSpan.Zero;
    }
}
