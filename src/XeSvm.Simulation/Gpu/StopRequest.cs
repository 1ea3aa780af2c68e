namespace XeSvm.Simulation.Gpu;

/// <summary>Asks an engine thread to give up what it executes; it looks between commands, between faults and inside long copies.</summary>
internal sealed class StopRequest
{
    private volatile bool _requested;

    /// <summary>Whether the thread should stop.</summary>
    public bool IsRequested => _requested;

    /// <summary>Asks; cannot be taken back.</summary>
    public void Request() => _requested = true;
}
