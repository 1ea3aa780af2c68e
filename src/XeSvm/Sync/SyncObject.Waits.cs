using System.Globalization;

namespace XeSvm;

/// <content>Waiting: for this sync object, or for all or any of several.</content>
public sealed unsafe partial class SyncObject
{
    /// <summary>Waits until the fence has signalled.</summary>
    /// <param name="timeout">How long at most; <see cref="Timeout.InfiniteTimeSpan"/> for ever, zero for one look.</param>
    /// <param name="options">What to do about a fence that was not submitted yet.</param>
    /// <param name="cancellationToken">Ends the wait at once.</param>
    /// <exception cref="XeException">ETIME: the timeout is over. EINVAL: there is no fence yet.</exception>
    /// <exception cref="ObjectDisposedException">The sync object was disposed.</exception>
    /// <exception cref="OperationCanceledException">The wait was cancelled.</exception>
    public void Wait(TimeSpan timeout, SyncWaitOptions options = SyncWaitOptions.None, CancellationToken cancellationToken = default) =>
        WaitPoint(0, timeout, options, cancellationToken);

    /// <summary>Waits until the fence has signalled, or says why it has not.</summary>
    /// <param name="timeout">How long at most; <see cref="Timeout.InfiniteTimeSpan"/> for ever, zero for one look.</param>
    /// <param name="options">What to do about a fence that was not submitted yet.</param>
    /// <param name="cancellationToken">Ends the wait at once.</param>
    /// <returns>Success, ETIME when the timeout is over, or EINVAL when there is no fence yet.</returns>
    /// <exception cref="ObjectDisposedException">The sync object was disposed.</exception>
    /// <exception cref="OperationCanceledException">The wait was cancelled.</exception>
    public XeResult TryWait(
        TimeSpan timeout, SyncWaitOptions options = SyncWaitOptions.None, CancellationToken cancellationToken = default) =>
        TryWaitPoint(0, timeout, options, cancellationToken);

    /// <summary>Waits until a point of the timeline has signalled.</summary>
    /// <param name="point">The point.</param>
    /// <param name="timeout">How long at most; <see cref="Timeout.InfiniteTimeSpan"/> for ever, zero for one look.</param>
    /// <param name="options">What to do about a point that was not submitted yet.</param>
    /// <param name="cancellationToken">Ends the wait at once.</param>
    /// <exception cref="XeException">ETIME: the timeout is over. EINVAL: the point was not submitted yet.</exception>
    /// <exception cref="ObjectDisposedException">The sync object was disposed.</exception>
    /// <exception cref="OperationCanceledException">The wait was cancelled.</exception>
    public void WaitPoint(
        ulong point, TimeSpan timeout, SyncWaitOptions options = SyncWaitOptions.None, CancellationToken cancellationToken = default) =>
        WaitAll([new SyncPoint(this, point)], timeout, options, cancellationToken);

    /// <summary>Waits until a point of the timeline has signalled, or says why it has not.</summary>
    /// <param name="point">The point.</param>
    /// <param name="timeout">How long at most; <see cref="Timeout.InfiniteTimeSpan"/> for ever, zero for one look.</param>
    /// <param name="options">What to do about a point that was not submitted yet.</param>
    /// <param name="cancellationToken">Ends the wait at once.</param>
    /// <returns>Success, ETIME when the timeout is over, or EINVAL when the point was not submitted yet.</returns>
    /// <exception cref="ObjectDisposedException">The sync object was disposed.</exception>
    /// <exception cref="OperationCanceledException">The wait was cancelled.</exception>
    public XeResult TryWaitPoint(
        ulong point, TimeSpan timeout, SyncWaitOptions options = SyncWaitOptions.None, CancellationToken cancellationToken = default) =>
        TryWaitAll([new SyncPoint(this, point)], timeout, options, cancellationToken);

    /// <summary>Waits until all points have signalled.</summary>
    /// <param name="points">The points, of sync objects of one open device.</param>
    /// <param name="timeout">How long at most; <see cref="Timeout.InfiniteTimeSpan"/> for ever, zero for one look.</param>
    /// <param name="options">What to do about points that were not submitted yet.</param>
    /// <param name="cancellationToken">Ends the wait at once.</param>
    /// <exception cref="XeException">ETIME: the timeout is over. EINVAL: a point was not submitted yet.</exception>
    /// <exception cref="ArgumentException">There are no points, or they are not of one open device.</exception>
    /// <exception cref="ObjectDisposedException">A sync object was disposed.</exception>
    /// <exception cref="OperationCanceledException">The wait was cancelled.</exception>
    public static void WaitAll(
        ReadOnlySpan<SyncPoint> points,
        TimeSpan timeout,
        SyncWaitOptions options = SyncWaitOptions.None,
        CancellationToken cancellationToken = default)
    {
        XeResult result = TryWaitAll(points, timeout, options, cancellationToken);
        if (!result.IsSuccess)
        {
            ThrowHelper.Throw(result, XeOperation.SyncWait, Describe("all of", points, timeout));
        }
    }

    /// <summary>Waits until all points have signalled, or says why they have not.</summary>
    /// <param name="points">The points, of sync objects of one open device.</param>
    /// <param name="timeout">How long at most; <see cref="Timeout.InfiniteTimeSpan"/> for ever, zero for one look.</param>
    /// <param name="options">What to do about points that were not submitted yet.</param>
    /// <param name="cancellationToken">Ends the wait at once.</param>
    /// <returns>Success, ETIME when the timeout is over, or EINVAL when a point was not submitted yet.</returns>
    /// <exception cref="ArgumentException">There are no points, or they are not of one open device.</exception>
    /// <exception cref="ObjectDisposedException">A sync object was disposed.</exception>
    /// <exception cref="OperationCanceledException">The wait was cancelled.</exception>
    public static XeResult TryWaitAll(
        ReadOnlySpan<SyncPoint> points,
        TimeSpan timeout,
        SyncWaitOptions options = SyncWaitOptions.None,
        CancellationToken cancellationToken = default)
    {
        long deadline = SyncClock.Deadline(timeout);
        if (!cancellationToken.CanBeCanceled)
        {
            return SyncWaitRequest.Issue(points, deadline, options, all: true, out _);
        }

        // The driver waits for all or for any: to be woken by the cancellation as well, wait for one after the other. Those that were
        // not submitted yet are looked for first, as waiting for the cancellation's own fence excludes that error.
        using SyncCancellation cancellation = new(FileOf(points), cancellationToken);
        XeResult look = SyncWaitRequest.Issue(points, 0, options, all: true, out _);
        if (look.Errno != Interop.Errno.ETIME || deadline == 0)
        {
            cancellationToken.ThrowIfCancellationRequested();
            return look;
        }

        foreach (SyncPoint point in points)
        {
            XeResult result = SyncWaitRequest.Issue(
                [point, cancellation.Point], deadline, options | SyncWaitOptions.WaitForSubmit, all: false, out _);
            cancellationToken.ThrowIfCancellationRequested();
            if (!result.IsSuccess)
            {
                return result;
            }
        }

        return XeResult.Success;
    }

    /// <summary>Waits until one of the points has signalled.</summary>
    /// <param name="points">The points, of sync objects of one open device.</param>
    /// <param name="timeout">How long at most; <see cref="Timeout.InfiniteTimeSpan"/> for ever, zero for one look.</param>
    /// <param name="options">What to do about points that were not submitted yet.</param>
    /// <param name="cancellationToken">Ends the wait at once.</param>
    /// <returns>The index of a point that has signalled.</returns>
    /// <exception cref="XeException">ETIME: the timeout is over. EINVAL: a point was not submitted yet.</exception>
    /// <exception cref="ArgumentException">There are no points, or they are not of one open device.</exception>
    /// <exception cref="ObjectDisposedException">A sync object was disposed.</exception>
    /// <exception cref="OperationCanceledException">The wait was cancelled.</exception>
    public static int WaitAny(
        ReadOnlySpan<SyncPoint> points,
        TimeSpan timeout,
        SyncWaitOptions options = SyncWaitOptions.None,
        CancellationToken cancellationToken = default)
    {
        XeResult result = TryWaitAny(points, timeout, out int index, options, cancellationToken);
        if (!result.IsSuccess)
        {
            ThrowHelper.Throw(result, XeOperation.SyncWait, Describe("any of", points, timeout));
        }

        return index;
    }

    /// <summary>Waits until one of the points has signalled, or says why none has.</summary>
    /// <param name="points">The points, of sync objects of one open device.</param>
    /// <param name="timeout">How long at most; <see cref="Timeout.InfiniteTimeSpan"/> for ever, zero for one look.</param>
    /// <param name="index">The index of a point that has signalled when the result is success, else -1.</param>
    /// <param name="options">What to do about points that were not submitted yet.</param>
    /// <param name="cancellationToken">Ends the wait at once.</param>
    /// <returns>Success, ETIME when the timeout is over, or EINVAL when a point was not submitted yet.</returns>
    /// <exception cref="ArgumentException">There are no points, or they are not of one open device.</exception>
    /// <exception cref="ObjectDisposedException">A sync object was disposed.</exception>
    /// <exception cref="OperationCanceledException">The wait was cancelled.</exception>
    public static XeResult TryWaitAny(
        ReadOnlySpan<SyncPoint> points,
        TimeSpan timeout,
        out int index,
        SyncWaitOptions options = SyncWaitOptions.None,
        CancellationToken cancellationToken = default)
    {
        long deadline = SyncClock.Deadline(timeout);
        if (!cancellationToken.CanBeCanceled)
        {
            return SyncWaitRequest.Issue(points, deadline, options, all: false, out index);
        }

        using SyncCancellation cancellation = new(FileOf(points), cancellationToken);
        XeResult look = SyncWaitRequest.Issue(points, 0, options, all: false, out index);
        cancellationToken.ThrowIfCancellationRequested();
        if (look.Errno != Interop.Errno.ETIME || deadline == 0)
        {
            return look;
        }

        SyncPoint[] withCancellation = [.. points, cancellation.Point];
        XeResult result = SyncWaitRequest.Issue(
            withCancellation, deadline, options | SyncWaitOptions.WaitForSubmit, all: false, out index);
        cancellationToken.ThrowIfCancellationRequested();
        return result;
    }

    /// <summary>The open device of the points.</summary>
    internal static DeviceFile FileOf(ReadOnlySpan<SyncPoint> points)
    {
        if (points.IsEmpty)
        {
            throw new ArgumentException("There is nothing to wait for: at least one point is needed.", nameof(points));
        }

        SyncObject first = points[0].SyncObject
            ?? throw new ArgumentException("The first point is a default value, without a sync object.", nameof(points));
        return first._handle.File;
    }

    private static string Describe(string quantity, ReadOnlySpan<SyncPoint> points, TimeSpan timeout)
    {
        const int Shown = 8;
        string[] names = new string[Math.Min(points.Length, Shown)];
        for (int index = 0; index < names.Length; index++)
        {
            names[index] = points[index].ToString();
        }

        string limit = timeout == Timeout.InfiniteTimeSpan ? "any time" : timeout.ToString();
        string rest = points.Length > Shown ? string.Create(CultureInfo.InvariantCulture, $" and {points.Length - Shown} more") : "";
        return $"{quantity} {string.Join(", ", names)}{rest} within {limit}";
    }
}
