using XeSvm.Simulation.Memory;

namespace XeSvm.Simulation.Server;

/// <summary>The memory of another process, as the server keeps it.</summary>
internal interface IRemoteClientMemory : IDisposable
{
    /// <summary>Itself.</summary>
    ClientMemory Memory { get; }

    /// <summary>The process's CPU-fault pump; null where CPU faults are not noticed.</summary>
    RemotePump? Pump { get; }

    /// <summary>The process has ended, or runs another program: nothing is reached any more.</summary>
    void SetGone();

    /// <summary>Gives all VRAM back that holds pages of the memory, which is gone.</summary>
    void DropDevicePages();

    /// <summary>The client is about to change its mappings.</summary>
    void Invalidate(ulong start, ulong end, MmuEvent reason);
}
