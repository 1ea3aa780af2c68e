namespace XeSvm.Simulation.Gpu;

/// <summary>Asks an engine thread to give up what it executes; it looks between commands, between faults and inside long copies.</summary>
internal sealed class StopRequest
{
    private readonly object _lock = new();
    private volatile bool _requested;

    /// <summary>Whether the thread should stop.</summary>
    public bool IsRequested => _requested;

    /// <summary>Asks; cannot be taken back.</summary>
    public void Request()
    {
        lock (_lock)
        {
            _requested = true;
            Monitor.PulseAll(_lock);
        }
    }

    /// <summary>Waits for the request, for some milliseconds at most. Whether it was made.</summary>
    public bool Wait(int milliseconds)
    {
        lock (_lock)
        {
            return _requested || (Monitor.Wait(_lock, milliseconds) && _requested);
        }
    }
}
