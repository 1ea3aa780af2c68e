using XeSvm.Interop.LibC;

namespace XeSvm.Simulation.Server;

/// <summary>One address space of a client: a process, until it ends or executes another program.</summary>
internal sealed class ClientProcess : IDisposable
{
    private ClientProcess(int id, ulong addressSpace, FileDescriptorHandle process, IRemoteClientMemory memory)
    {
        Id = id;
        AddressSpace = addressSpace;
        Process = process;
        Memory = memory;
    }

    /// <summary>The process id, as this process sees it.</summary>
    public int Id { get; }

    /// <summary>What tells the address spaces of one process id apart.</summary>
    public ulong AddressSpace { get; }

    /// <summary>Readable once the process has ended.</summary>
    public FileDescriptorHandle Process { get; }

    public IRemoteClientMemory Memory { get; }

    /// <summary>Channels that are open. Under the server's lock.</summary>
    public int Channels { get; set; }

    /// <summary>Opens a process that is connected.</summary>
    /// <param name="id">The process id, as this process sees it.</param>
    /// <param name="addressSpace">What tells the address spaces of one process id apart.</param>
    /// <param name="given">The files of its memory that came with the connection, for a process of another user; they are taken.</param>
    /// <param name="cpuFaults">Whether its CPU faults are to be noticed.</param>
    /// <param name="patience">How long it may take to answer there.</param>
    /// <param name="client">The process when the result is 0.</param>
    /// <returns>0, or a negative errno.</returns>
    public static int Open(int id, ulong addressSpace, GivenMemory? given, bool cpuFaults, TimeSpan patience, out ClientProcess? client)
    {
        client = null;
        int result = SystemCalls.OpenProcess(id, out FileDescriptorHandle? process);
        if (result < 0)
        {
            return result;
        }

        result = given is null ? RemoteAddressSpace.Open(id, out RemoteAddressSpace? space) : RemoteAddressSpace.Take(id, given, out space);
        if (result < 0)
        {
            process!.Dispose();
            return result;
        }

        IRemoteClientMemory memory = cpuFaults ? new RemoteFaultingMemory(space!, patience) : new RemoteClientMemory(space!);
        client = new ClientProcess(id, addressSpace, process!, memory);
        return 0;
    }

    public void Dispose()
    {
        Memory.Dispose();
        Process.Dispose();
    }
}
