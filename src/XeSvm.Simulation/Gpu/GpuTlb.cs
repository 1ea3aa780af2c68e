using System.Runtime.CompilerServices;

namespace XeSvm.Simulation.Gpu;

/// <summary>A direct-mapped translation cache: 64 entries for translations of less than 2 MiB and 16 for larger ones. One thread's own.</summary>
internal sealed class GpuTlb
{
    private const int SmallIndexBits = 6;
    private const int LargeIndexBits = 4;
    private const int SmallShift = 12;
    private const int LargeShift = 21;

    // Ranges that are used together often start at the same offset in large blocks: spread by a multiplicative hash (2^64 / golden ratio).
    private const ulong HashMultiplier = 0x9e37_79b9_7f4a_7c15;

    private readonly GpuTranslation[] _small = new GpuTranslation[1 << SmallIndexBits];
    private readonly GpuTranslation[] _large = new GpuTranslation[1 << LargeIndexBits];

    /// <summary>Finds the translation of an address, a masked GPU address.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryFind(ulong address, out GpuTranslation translation)
    {
        translation = Small(address);
        if (!translation.Maps(address))
        {
            translation = Large(address);
        }

        return translation.Maps(address);
    }

    /// <summary>Remembers a translation that maps an address.</summary>
    public void Insert(ulong address, in GpuTranslation translation)
    {
        if (translation.Length < 1UL << LargeShift)
        {
            Small(address) = translation;
        }
        else
        {
            Large(address) = translation;
        }
    }

    /// <summary>Forgets what it would find for an address, so that the replay of a faulting access walks the page table.</summary>
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

    private ref GpuTranslation Small(ulong address) => ref _small[(int)((address >> SmallShift) * HashMultiplier >> (64 - SmallIndexBits))];

    private ref GpuTranslation Large(ulong address) => ref _large[(int)((address >> LargeShift) * HashMultiplier >> (64 - LargeIndexBits))];
}
