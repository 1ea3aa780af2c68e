using System.Runtime.InteropServices;
using XeSvm.Simulation.Gpu;

namespace XeSvm.Simulation.Tests.Gpu.Support;

/// <summary>One VM of a small GPU: VRAM, memory behind a bus, host pages, a page table, and fakes for what the driver brings.</summary>
internal sealed unsafe class GpuMachine : IDisposable
{
    public const ulong MemorySize = 8UL << 20;
    public const ulong PageSize = 4096;

    // A place of its own in the address space for each kind of memory.
    public const ulong VramVa = 0x1_0000_0000;
    public const ulong HostVa = 0x2_0000_0000;
    public const ulong BusVa = 0x3_0000_0000;
    public const ulong NullVa = 0x4_0000_0000;
    public const ulong UnmappedVa = 0x5_0000_0000;

    private readonly byte* _block;
    private readonly Lock _writer = new();

    public GpuMachine(int vaBits = 48)
    {
        _block = (byte*)NativeMemory.AlignedAlloc((nuint)(3 * MemorySize), 2 << 20);
        NativeMemory.Clear(_block, (nuint)(3 * MemorySize));
        Bus = new FakeBus(BusMemory, MemorySize);
        PageTable = new GpuPageTable(Gate, vaBits);
        Space = new GpuAddressSpace
        {
            PageTable = PageTable,
            Gate = Gate,
            VramBase = Vram,
            Client = Client,
            Bus = Bus,
            Faults = Faults,
        };
    }

    public byte* Vram => _block;

    public byte* HostMemory => _block + MemorySize;

    public byte* BusMemory => _block + (2 * MemorySize);

    public TlbGate Gate { get; } = new();

    public GpuPageTable PageTable { get; }

    public FakeClientMemory Client { get; } = new();

    public FakeBus Bus { get; }

    public FakeFaults Faults { get; } = new();

    public GpuAddressSpace Space { get; }

    public Gt Gt { get; } = new(0, GtType.Main, 0);

    public StopRequest Stop { get; } = new();

    public GpuMemoryView CreateView() => new(Space, Gate.Register(), Gt, Stop);

    public Engine CreateEngine(EngineClass engineClass = EngineClass.Copy) => new(engineClass, 0, Gt);

    /// <summary>Maps all memory of the machine at its places.</summary>
    public GpuMachine MapEverything()
    {
        Map(VramVa, MemorySize, Entry(GpuPteKind.Vram, 0));
        Map(HostVa, MemorySize, Entry(GpuPteKind.Host, (ulong)HostMemory));
        Map(BusVa, MemorySize, Entry(GpuPteKind.Dma, FakeBus.Base));
        Map(NullVa, MemorySize, Entry(GpuPteKind.Null, 0));
        return this;
    }

    public void Map(ulong va, ulong length, GpuPte entry)
    {
        lock (_writer)
        {
            PageTable.Map(va, length, entry);
        }
    }

    /// <summary>Maps what is chosen under the writer's lock, as a fault handler does that may not use a choice older than the last zap.</summary>
    public void Map(ulong va, ulong length, Func<GpuPte> entry)
    {
        lock (_writer)
        {
            PageTable.Map(va, length, entry());
        }
    }

    public bool ZapAndInvalidate(ulong start, ulong end)
    {
        lock (_writer)
        {
            bool any = PageTable.Zap(start, end);
            Gate.InvalidateAndWait();
            return any;
        }
    }

    public static GpuPte Entry(GpuPteKind kind, ulong address, bool writable = true, bool atomic = true, bool svm = false) =>
        new(kind, address, writable, atomic, svm);

    /// <summary>The memory behind a mapped address.</summary>
    public byte* Backing(ulong va) => (va & ~0xffff_ffffUL) switch
    {
        VramVa => Vram + (uint)va,
        HostVa => HostMemory + (uint)va,
        BusVa => BusMemory + (uint)va,
        _ => throw new ArgumentOutOfRangeException(nameof(va)),
    };

    public void Dispose()
    {
        PageTable.Dispose();
        NativeMemory.AlignedFree(_block);
    }
}
