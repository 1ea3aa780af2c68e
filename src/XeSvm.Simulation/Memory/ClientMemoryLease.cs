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
    /// <param name="lease">The share.</param>
    /// <returns>0; a negative errno when userfaultfd was asked for by name and this process may not use it.</returns>
    public static int Acquire(string cpuFaults, out ClientMemoryLease? lease)
    {
        lease = null;
        if (cpuFaults == "coherent")
        {
            lease = new ClientMemoryLease(new CoherentClientMemory("It was asked for."), null);
            return 0;
        }

        int result = CpuFaultPump.Acquire(cpuFaults == "userfaultfd-user-mode", out CpuFaultPump? pump, out string reason);
        if (result == 0)
        {
            lease = new ClientMemoryLease(pump!.Memory, pump);
        }
        else if (cpuFaults == "auto")
        {
            lease = new ClientMemoryLease(new CoherentClientMemory(reason), null);
            result = 0;
        }

        return result;
    }

    public void Dispose() => _pump?.Release();
}
