using XeSvm.Simulation.Gpu;

namespace XeSvm.Simulation.Driver.Fences;

/// <summary>What the calls on one file are blocked at, so that closing the file can wake them all.</summary>
internal sealed class BlockedCalls
{
    // Whether a call blocks is a matter of chance: what it needs for that is there before.
    private const int UsualCalls = 16;

    private readonly MonitorLock _lock = new();
    private readonly List<EventCount> _events = new(UsualCalls);

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
