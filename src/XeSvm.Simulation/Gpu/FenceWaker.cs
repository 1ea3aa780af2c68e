namespace XeSvm.Simulation.Gpu;

/// <summary>Wakes whoever waits at an event count when a fence is signalled.</summary>
internal sealed class FenceWaker(EventCount waiters) : FenceCallback
{
    protected internal override void OnSignaled() => waiters.Wake();
}
