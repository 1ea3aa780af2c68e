namespace XeSvm.Simulation.Gpu;

/// <summary>
/// Work that is done in order (a dma_fence context): every sequence number up to the last completed one is signalled. The first failure is
/// final: what comes after it is cancelled.
/// </summary>
internal sealed class FenceTimeline
{
    private readonly MonitorLock _lock = new();
    private FenceCallback? _first;
    private long _completed;
    private long _failed = long.MaxValue;
    private int _error;

    /// <summary>The last sequence number that is signalled.</summary>
    public long Completed => Volatile.Read(ref _completed);

    /// <summary>Whether a sequence number is signalled.</summary>
    public bool IsSignaled(long sequence) => Completed >= sequence;

    /// <summary>0: not signalled; 1: signalled; negative errno: signalled with an error.</summary>
    public int StatusOf(long sequence)
    {
        if (!IsSignaled(sequence))
        {
            return 0;
        }

        lock (_lock)
        {
            return sequence < _failed ? 1 : sequence == _failed ? _error : -Errno.ECANCELED;
        }
    }

    /// <summary>Signals all sequence numbers up to one and calls back whoever waits for them.</summary>
    /// <param name="sequence">Not below <see cref="Completed"/>.</param>
    /// <param name="result">0, or the negative errno with which this one ended.</param>
    public void Complete(long sequence, int result = 0)
    {
        lock (_lock)
        {
            if (result < 0 && _failed == long.MaxValue)
            {
                _failed = sequence;
                _error = result;
            }

            Volatile.Write(ref _completed, sequence);
            for (FenceCallback? callback = _first; callback is not null;)
            {
                FenceCallback? next = callback.Next;
                if (callback.Sequence <= sequence)
                {
                    Unlink(callback);
                    callback.OnSignaled();
                }

                callback = next;
            }
        }
    }

    internal bool TryAdd(FenceCallback callback, long sequence)
    {
        lock (_lock)
        {
            if (IsSignaled(sequence))
            {
                return false;
            }

            callback.Timeline = this;
            callback.Sequence = sequence;
            callback.Previous = null;
            callback.Next = _first;
            if (_first is not null)
            {
                _first.Previous = callback;
            }

            _first = callback;
            return true;
        }
    }

    internal void Remove(FenceCallback callback)
    {
        lock (_lock)
        {
            // It may have been called back meanwhile.
            if (callback.Timeline == this)
            {
                Unlink(callback);
            }
        }
    }

    private void Unlink(FenceCallback callback)
    {
        if (callback.Previous is null)
        {
            _first = callback.Next;
        }
        else
        {
            callback.Previous.Next = callback.Next;
        }

        if (callback.Next is not null)
        {
            callback.Next.Previous = callback.Previous;
        }

        callback.Previous = null;
        callback.Next = null;
        callback.Timeline = null;
    }
}
