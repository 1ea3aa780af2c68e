namespace XeSvm.Simulation.Gpu;

/// <summary>Hears once that a fence is signalled (dma_fence_cb). Waits for one fence at a time and can be used again afterwards.</summary>
internal abstract class FenceCallback
{
    internal FenceCallback? Previous;
    internal FenceCallback? Next;
    internal FenceTimeline? Timeline;
    internal long Sequence;

    /// <summary>
    /// Begins to wait for a fence: true; or false when it is signalled already and nothing will be heard (dma_fence_add_callback's ENOENT).
    /// </summary>
    public bool TryAdd(in DmaFence fence) => fence.Timeline is { } timeline && timeline.TryAdd(this, fence.Sequence);

    /// <summary>Ends the wait. A call of <see cref="OnSignaled"/> that has begun may still be running.</summary>
    public void Cancel() => Timeline?.Remove(this);

    /// <summary>The fence is signalled. Runs under the timeline's lock: must neither block nor touch the same timeline.</summary>
    protected internal abstract void OnSignaled();
}
