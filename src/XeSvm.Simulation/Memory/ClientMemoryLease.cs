namespace XeSvm.Simulation.Memory;

/// <summary>A device's share in the memory of this process, reached in the best way there is, or in the way that was asked for.</summary>
internal sealed class ClientMemoryLease : IDisposable
{
    private readonly CpuFaultPump? _pump;

    private ClientMemoryLease(ClientMemory memory, CpuFaultPump? pump)
    {
        Memory = memory;
        _pump = pump;
    }

    public ClientMemory Memory { get; }

    /// <summary>Takes a share.</summary>
    /// <param name="cpuFaults"><c>auto</c>, <c>userfaultfd</c>, <c>userfaultfd-user-mode</c> or <c>coherent</c>.</param>
    /// <param name="faults">May say that userfaultfd cannot be used.</param>
    /// <param name="lease">The share.</param>
    /// <returns>0; a negative errno when userfaultfd was asked for by name and this process may not use it.</returns>
    public static int Acquire(string cpuFaults, FaultInjector faults, out ClientMemoryLease? lease)
    {
        lease = null;
        if (cpuFaults == "coherent")
        {
            lease = new ClientMemoryLease(new CoherentClientMemory("It was asked for."), null);
            return 0;
        }

        if (faults.Fails(FaultPoint.Userfaultfd))
        {
            return AcquireWithout(-Errno.ENOSYS, cpuFaults, "userfaultfd is gone by fault injection.", out lease);
        }

        int result = CpuFaultPump.Acquire(cpuFaults == "userfaultfd-user-mode", out CpuFaultPump? pump, out string reason);
        if (result == 0)
        {
            lease = new ClientMemoryLease(pump!.Memory, pump);
        }
        else
        {
            result = AcquireWithout(result, cpuFaults, reason, out lease);
        }

        return result;
    }

    /// <summary>Without userfaultfd: coherent when the way was left open, else the error.</summary>
    private static int AcquireWithout(int error, string cpuFaults, string reason, out ClientMemoryLease? lease)
    {
        lease = cpuFaults == "auto" ? new ClientMemoryLease(new CoherentClientMemory(reason), null) : null;
        return lease is null ? error : 0;
    }

    public void Dispose()
    {
        _pump?.Release();
        (Memory as CoherentClientMemory)?.ReleaseStaging();
    }
}
