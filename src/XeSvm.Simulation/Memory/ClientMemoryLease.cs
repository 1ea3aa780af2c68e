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
    /// <param name="coherent">
    /// Gives the memory as it is without userfaultfd, for a reason: one for all devices of a machine, as each must know what the others have.
    /// </param>
    /// <param name="lease">The share.</param>
    /// <returns>0; a negative errno when userfaultfd was asked for by name and this process may not use it.</returns>
    public static int Acquire(string cpuFaults, FaultInjector faults, Func<string, ClientMemory> coherent, out ClientMemoryLease? lease)
    {
        lease = null;
        if (cpuFaults == "coherent")
        {
            lease = new ClientMemoryLease(coherent("It was asked for."), null);
            return 0;
        }

        if (faults.Fails(FaultPoint.Userfaultfd))
        {
            return AcquireWithout(-Errno.ENOSYS, cpuFaults, "userfaultfd is gone by fault injection.", coherent, out lease);
        }

        int result = CpuFaultPump.Acquire(cpuFaults == "userfaultfd-user-mode", out CpuFaultPump? pump, out string reason);
        if (result == 0)
        {
            lease = new ClientMemoryLease(pump!.Memory, pump);
        }
        else
        {
            result = AcquireWithout(result, cpuFaults, reason, coherent, out lease);
        }

        return result;
    }

    /// <summary>Without userfaultfd: coherent when the way was left open, else the error.</summary>
    private static int AcquireWithout(int error, string cpuFaults, string reason, Func<string, ClientMemory> coherent, out ClientMemoryLease? lease)
    {
        lease = cpuFaults == "auto" ? new ClientMemoryLease(coherent(reason), null) : null;
        return lease is null ? error : 0;
    }

    public void Dispose() => _pump?.Release();
}
