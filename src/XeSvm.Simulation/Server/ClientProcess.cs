using XeSvm.Interop.LibC;

namespace XeSvm.Simulation.Server;

/// <summary>One address space of a client: a process, until it ends or executes another program.</summary>
internal sealed class ClientProcess : IDisposable
{
    private ClientProcess(int id, ulong addressSpace, FileDescriptorHandle process, RemoteClientMemory memory)
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

    public RemoteClientMemory Memory { get; }

    /// <summary>Channels that are open. Under the server's lock.</summary>
    public int Channels { get; set; }

    /// <summary>Opens a process that is connected.</summary>
    /// <returns>0, or a negative errno.</returns>
    public static int Open(int id, ulong addressSpace, out ClientProcess? client)
    {
        client = null;
        int result = SystemCalls.OpenProcess(id, out FileDescriptorHandle? process);
        if (result < 0)
        {
            return result;
        }

        result = RemoteClientMemory.Open(id, out RemoteClientMemory? memory);
        if (result < 0)
        {
            process!.Dispose();
            return result;
        }

        client = new ClientProcess(id, addressSpace, process!, memory!);
        return 0;
    }

    public void Dispose()
    {
        Memory.Dispose();
        Process.Dispose();
    }
}
