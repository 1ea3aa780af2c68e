namespace XeSvm.Simulation.Peers.Locks;

/// <summary>A lock was wanted in a context that can deadlock.</summary>
/// <param name="Wanted">The lock class or operation.</param>
/// <param name="Held">The lock class that was held.</param>
/// <param name="Text">What is wrong.</param>
internal sealed record LockViolation(string Wanted, LockClass Held, string Text);
