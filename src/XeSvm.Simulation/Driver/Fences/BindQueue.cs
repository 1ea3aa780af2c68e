using XeSvm.Simulation.Gpu;

namespace XeSvm.Simulation.Driver.Fences;

/// <summary>The order of binds on one bind queue: a VM's own, or one that was created. Under the VM lock.</summary>
internal sealed class BindQueue
{
    private readonly FenceTimeline _timeline = new();
    private long _submitted;

    /// <summary>The fence of the last bind; signalled when there was none.</summary>
    public DmaFence LastFence => new(_timeline, _submitted);

    /// <summary>Whether no bind is queued.</summary>
    public bool IsIdle => _timeline.IsSignaled(_submitted);

    /// <summary>A fence for the next bind.</summary>
    public DmaFence Begin() => new(_timeline, ++_submitted);
}
