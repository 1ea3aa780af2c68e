using XeSvm.Simulation.Gpu;

namespace XeSvm.Simulation.Tests.Gpu.Support;

/// <summary>Writes commands dword by dword, as a client does.</summary>
internal sealed unsafe class BatchBuilder
{
    private readonly List<uint> _dwords = [];

    public int Length => _dwords.Count * sizeof(uint);

    public BatchBuilder Raw(params ReadOnlySpan<uint> dwords)
    {
        foreach (uint dword in dwords)
        {
            _dwords.Add(dword);
        }

        return this;
    }

    public BatchBuilder Noop(int count = 1) => Raw(new uint[count]);

    public BatchBuilder StoreDword(ulong address, uint value) => Raw(0x10000002, (uint)address, (uint)(address >> 32), value);

    public BatchBuilder StoreQword(ulong address, ulong value) =>
        Raw(0x10200003, (uint)address, (uint)(address >> 32), (uint)value, (uint)(value >> 32));

    public BatchBuilder AtomicIncrement(ulong address) => Raw(0x17800501, (uint)address, (uint)(address >> 32));

    public BatchBuilder AtomicDecrement(ulong address) => Raw(0x17800601, (uint)address, (uint)(address >> 32));

    /// <summary>Ends the batch unless "memory operator immediate" holds.</summary>
    public BatchBuilder EndUnless(ulong address, uint comparison, uint immediate) =>
        Raw(0x1b200002 | comparison << 12, immediate, (uint)address, (uint)(address >> 32));

    public BatchBuilder Jump(ulong address) => Raw(0x18800101, (uint)address, (uint)(address >> 32));

    public BatchBuilder MemCopy(ulong destination, ulong source, uint length) =>
        Raw(0x56800008, length - 1, 0, 0, 0, (uint)source, (uint)(source >> 32), (uint)destination, (uint)(destination >> 32), 0);

    public BatchBuilder MemSet(ulong destination, byte value, uint length) =>
        Raw(0x56c00005, length - 1, 0, 0, (uint)destination, (uint)(destination >> 32), (uint)value << 24);

    public BatchBuilder End() => Raw(0x05000000);

    /// <summary>Puts the batch where the machine has mapped memory and returns its GPU address.</summary>
    public ulong PlaceAt(GpuMachine machine, ulong va)
    {
        byte* to = machine.Backing(va);
        for (int index = 0; index < _dwords.Count; index++)
        {
            ((uint*)to)[index] = _dwords[index];
        }

        return va;
    }

    /// <summary>Places and executes the batch, which must succeed.</summary>
    public void RunOk(GpuMachine machine, ulong va, EngineClass engine = EngineClass.Copy)
    {
        int result = Run(machine, va, out CommandStreamer streamer, engine);
        Assert.True(result == 0, streamer.LastError.ToString());
    }

    /// <summary>Places and executes the batch.</summary>
    public int Run(GpuMachine machine, ulong va, EngineClass engine = EngineClass.Copy) => Run(machine, va, out _, engine);

    /// <summary>Places and executes the batch.</summary>
    public int Run(GpuMachine machine, ulong va, out CommandStreamer streamer, EngineClass engine = EngineClass.Copy)
    {
        streamer = new CommandStreamer(machine.CreateView(), engine, machine.Stop);
        return streamer.Run(PlaceAt(machine, va));
    }
}
