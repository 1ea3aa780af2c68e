using System.Runtime.CompilerServices;

namespace XeSvm.Simulation.Gpu;

/// <summary>One 4 KiB table of a GPU page table, in native memory, followed by its book-keeping.</summary>
internal unsafe struct GpuTable
{
    public const int IndexBits = 9;
    public const int EntryCount = 1 << IndexBits;

    /// <summary>Alignment of a table in memory; the bits below are free for flags in the entry that points to it.</summary>
    public const int Alignment = 64;

    private fixed ulong _entries[EntryCount];

    /// <summary>How many entries are present.</summary>
    public int Live;

    /// <summary>The gate's generation when the table was taken out of the page table.</summary>
    public long RetiredGeneration;

    /// <summary>The next table of the pool's list.</summary>
    public GpuTable* Next;

    /// <summary>Reads an entry that another thread may be writing.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Load(GpuTable* table, int index) => Volatile.Read(ref table->_entries[index]);

    /// <summary>Writes an entry that other threads may be reading: what it points to is visible before it is.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(GpuTable* table, int index, ulong entry) => Volatile.Write(ref table->_entries[index], entry);

    /// <summary>The entry that points to a table.</summary>
    public static ulong Pointer(GpuTable* table) => (ulong)table | GpuPte.PresentBit | GpuPte.TableBit;

    public static bool IsPointer(ulong entry) =>
        (entry & (GpuPte.PresentBit | GpuPte.TableBit)) == (GpuPte.PresentBit | GpuPte.TableBit);

    public static GpuTable* Target(ulong entry) => (GpuTable*)(entry & ~(Alignment - 1UL));
}
