using System.Runtime.InteropServices;
using XeSvm.Simulation.Gpu;
using XeSvm.Simulation.Memory;

namespace XeSvm.Simulation.Peers.Machine;

/// <summary>The host's memory, as far as the machine's allocations need it: sparse, with physical addresses of its own.</summary>
internal sealed unsafe class PeerSystemMemory : IDisposable
{
    private readonly VramManager _frames;
    private byte* _memory;

    /// <param name="bytes">Size; a multiple of 4 KiB.</param>
    public PeerSystemMemory(ulong bytes)
    {
        _frames = new VramManager(bytes);
        _memory = (byte*)NativeMemory.AllocZeroed((nuint)bytes);
    }

    ~PeerSystemMemory() => NativeMemory.Free(_memory);

    /// <summary>Bytes in use.</summary>
    public ulong Used => _frames.Used;

    /// <summary>Takes memory; false when there is none.</summary>
    public bool TryAllocate(ulong bytes, out ulong physical)
    {
        bool taken = _frames.TryAllocate(bytes, out ulong offset);
        physical = PageFrames.FirstPhysical + offset;
        return taken;
    }

    /// <summary>Gives memory back.</summary>
    public void Free(ulong physical) => _frames.Free(physical - PageFrames.FirstPhysical);

    /// <summary>The memory at a physical address; null when it is not in this memory.</summary>
    public byte* Pointer(ulong physical)
    {
        ulong offset = physical - PageFrames.FirstPhysical;
        return offset < _frames.Total ? _memory + offset : null;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _frames.Dispose();
        NativeMemory.Free(_memory);
        _memory = null;
        GC.SuppressFinalize(this);
    }
}
