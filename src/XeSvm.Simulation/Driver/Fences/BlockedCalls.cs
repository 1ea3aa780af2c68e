using XeSvm.Simulation.Gpu;

namespace XeSvm.Simulation.Driver.Fences;

/// <summary>What the calls on one file are blocked at, so that closing the file can wake them all.</summary>
internal sealed class BlockedCalls
{
    private readonly Lock _lock = new();
    private readonly List<EventCount> _events = [];

    /// <summary>A call is about to wait. It looks whether the file is closing after this and before it does.</summary>
    public void Add(EventCount waiters)
    {
        lock (_lock)
        {
            _events.Add(waiters);
        }
    }

    public void Remove(EventCount waiters)
    {
        lock (_lock)
        {
            _events.Remove(waiters);
        }
    }

    /// <summary>Wakes every blocked call.</summary>
    public void WakeAll()
    {
        lock (_lock)
        {
            foreach (EventCount waiters in _events)
            {
                waiters.Wake();
            }
        }
    }
}
