using System.Runtime.CompilerServices;

namespace XeSvm.Simulation.Gpu;

/// <summary>A direct-mapped translation cache: 64 entries for leaves of up to 64 KiB and 16 for larger ones. One thread's own.</summary>
internal sealed class GpuTlb
{
    private const int SmallEntries = 64;
    private const int LargeEntries = 16;
    private const int SmallShift = 12;
    private const int LargeShift = 21;

    private readonly Entry[] _small = new Entry[SmallEntries];
    private readonly Entry[] _large = new Entry[LargeEntries];

    /// <summary>Finds the leaf that maps an address.</summary>
    /// <param name="address">Masked GPU address.</param>
    /// <param name="pte">The leaf's entry; its address is that of the leaf's first byte.</param>
    /// <param name="shift">Binary logarithm of the leaf's size.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryFind(ulong address, out GpuPte pte, out int shift)
    {
        ref Entry entry = ref Small(address);
        if (!entry.Maps(address))
        {
            entry = ref Large(address);
            if (!entry.Maps(address))
            {
                pte = default;
                shift = 0;
                return false;
            }
        }

        pte = entry.Pte;
        shift = entry.Shift;
        return true;
    }

    /// <summary>Remembers a leaf.</summary>
    public void Insert(ulong address, GpuPte pte, int shift)
    {
        ref Entry entry = ref (shift < LargeShift ? ref Small(address) : ref Large(address));
        entry.Pte = pte;
        entry.Tag = address >> shift;
        entry.Shift = shift;
    }

    /// <summary>Forgets what it knows about an address, so that the replay of a faulting access walks the page table.</summary>
    public void Evict(ulong address)
    {
        Small(address) = default;
        Large(address) = default;
    }

    /// <summary>Forgets everything.</summary>
    public void Clear()
    {
        Array.Clear(_small);
        Array.Clear(_large);
    }

    private ref Entry Small(ulong address) => ref _small[(int)(address >> SmallShift) & (SmallEntries - 1)];

    private ref Entry Large(ulong address) => ref _large[(int)(address >> LargeShift) & (LargeEntries - 1)];

    private struct Entry
    {
        public GpuPte Pte;
        public ulong Tag;
        public int Shift;

        public readonly bool Maps(ulong address) => Pte.IsPresent && address >> Shift == Tag;
    }
}
