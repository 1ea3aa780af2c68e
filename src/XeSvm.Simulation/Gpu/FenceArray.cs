namespace XeSvm.Simulation.Gpu;

/// <summary>A fence that is signalled when all of several are (dma_fence_array). The error of the last one with an error is its error.</summary>
internal sealed class FenceArray
{
    private readonly FenceTimeline _timeline = new();
    private int _pending = 1;
    private int _error;

    private FenceArray()
    {
    }

    /// <summary>Makes one fence of several; of none, one that is signalled.</summary>
    public static DmaFence Merge(ReadOnlySpan<DmaFence> fences)
    {
        if (fences.Length <= 1)
        {
            return fences.IsEmpty ? DmaFence.Stub : fences[0];
        }

        var array = new FenceArray();
        foreach (ref readonly DmaFence fence in fences)
        {
            Interlocked.Increment(ref array._pending);
            if (!new Member(array, fence).TryAdd(fence))
            {
                array.OnMember(fence.Status);
            }
        }

        array.OnMember(status: 1);
        return new DmaFence(array._timeline, 1);
    }

    private void OnMember(int status)
    {
        if (status < 0)
        {
            Volatile.Write(ref _error, status);
        }

        if (Interlocked.Decrement(ref _pending) == 0)
        {
            _timeline.Complete(1, Volatile.Read(ref _error));
        }
    }

    private sealed class Member(FenceArray array, DmaFence fence) : FenceCallback
    {
        protected internal override void OnSignaled() => array.OnMember(fence.Status);
    }
}
