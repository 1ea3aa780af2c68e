namespace XeSvm.Simulation.Driver;

/// <summary>Threads of the driver's own, which the system may refuse (a limit of processes, of a control group).</summary>
internal static class DriverThread
{
    /// <summary>Starts a thread, which does not keep the process; false when the system has none.</summary>
    /// <param name="thread">The thread.</param>
    /// <param name="faults">May refuse it too; null: nothing is injected.</param>
    public static bool TryStart(Thread thread, FaultInjector? faults)
    {
        if (faults is not null && faults.Fails(FaultPoint.Thread))
        {
            return false;
        }

        thread.IsBackground = true;
        try
        {
            thread.Start();
            return true;
        }
        catch (OutOfMemoryException)
        {
            // That is how the runtime reports pthread_create's EAGAIN.
            return false;
        }
    }
}
