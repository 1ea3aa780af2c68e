namespace XeSvm.Simulation.Gpu;

/// <summary>
/// What hot paths lock. A <see cref="Lock"/> makes an event on the GC heap when a thread has to wait for it for the first time; a monitor, which
/// this is for <c>lock</c>, never does.
/// </summary>
internal sealed class MonitorLock;
