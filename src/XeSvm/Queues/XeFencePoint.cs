namespace XeSvm;

/// <summary>A place in a queue's work: reached when the batch that was submitted with it has ended.</summary>
public readonly record struct XeFencePoint
{
    /// <summary>Makes a point.</summary>
    /// <param name="fence">The queue's fence.</param>
    /// <param name="value">The value that the batch's end raises it to.</param>
    public XeFencePoint(XeFence fence, ulong value)
    {
        ArgumentNullException.ThrowIfNull(fence);
        Fence = fence;
        Value = value;
    }

    /// <summary>The queue's fence; <see langword="null"/> in a default value, which counts as reached.</summary>
    public XeFence? Fence { get; }

    /// <summary>The value that the batch's end raises the fence to.</summary>
    public ulong Value { get; }

    /// <summary>Whether the batch has ended.</summary>
    /// <exception cref="ObjectDisposedException">The queue was disposed.</exception>
    public bool IsReached => Fence is null || Fence.CurrentValue >= Value;

    /// <summary>Waits until the batch has ended; see <see cref="XeFence.Wait"/>.</summary>
    /// <param name="timeout">How long at most; <see cref="Timeout.InfiniteTimeSpan"/> for ever.</param>
    /// <exception cref="XeException">EIO: the queue was banned. ETIME: the timeout is over.</exception>
    public void Wait(TimeSpan timeout) => Fence?.Wait(Value, timeout);

    /// <summary>Waits until the batch has ended, or says why it has not; see <see cref="XeFence.TryWait"/>.</summary>
    /// <param name="timeout">How long at most; zero for one look.</param>
    public XeResult TryWait(TimeSpan timeout) => Fence?.TryWait(Value, timeout) ?? XeResult.Success;
}
