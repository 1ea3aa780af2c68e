namespace XeSvm.Simulation.Gpu;

/// <summary>
/// A fence (dma_fence): one sequence number of a timeline, signalled once and for good when the timeline has come as far. A value: it needs
/// no counted references, and holding one allocates nothing. The default value is no fence.
/// </summary>
/// <param name="Timeline">What it is a point of; null for no fence.</param>
/// <param name="Sequence">The point.</param>
internal readonly record struct DmaFence(FenceTimeline? Timeline, long Sequence)
{
    /// <summary>A fence that is signalled (dma_fence_get_stub).</summary>
    public static DmaFence Stub { get; } = new(new FenceTimeline(), 0);

    /// <summary>Whether there is a fence.</summary>
    public bool IsPresent => Timeline is not null;

    /// <summary>Whether the fence is signalled, be it with an error. No fence counts as signalled.</summary>
    public bool IsSignaled => Timeline is null || Timeline.IsSignaled(Sequence);

    /// <summary>0: not signalled; 1: signalled; negative errno: signalled with an error (dma_fence_get_status).</summary>
    public int Status => Timeline is null ? 1 : Timeline.StatusOf(Sequence);
}
