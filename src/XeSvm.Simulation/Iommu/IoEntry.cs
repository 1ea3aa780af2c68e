namespace XeSvm.Simulation.Iommu;

/// <summary>Layout of the 64-bit entries of an I/O page table, as VT-d's second stage has them.</summary>
internal static class IoEntry
{
    public const int PageShift = 12;
    public const ulong PageSize = 1UL << PageShift;
    public const int LargePageShift = 21;
    public const ulong LargePageSize = 1UL << LargePageShift;

    /// <summary>Entries of one table; each level translates 9 bits.</summary>
    public const int TableEntries = 512;

    public const int TableBytes = TableEntries * sizeof(ulong);
    public const int LineBytes = 64;

    public const ulong Read = 1;
    public const ulong Write = 2;
    public const ulong Permissions = Read | Write;

    /// <summary>A leaf above level 1.</summary>
    public const ulong Large = 1 << 7;

    /// <summary>
    /// Software bit of a table entry: its flush is done. Who meets an entry without it must flush, too, before relying on the walker
    /// (generic_pt: SW_BIT_CACHE_FLUSH_DONE).
    /// </summary>
    public const ulong Flushed = 1UL << 52;

    private const ulong AddressMask = ((1UL << 52) - 1) & ~(PageSize - 1);

    /// <summary>Whether the entry names a table or a page.</summary>
    public static bool IsPresent(ulong entry) => (entry & Permissions) != 0;

    /// <summary>Whether a present entry of a level (1 is the lowest) is a leaf.</summary>
    public static bool IsLeaf(ulong entry, int level) => level == 1 || (entry & Large) != 0;

    /// <summary>The physical address that an entry names.</summary>
    public static ulong Address(ulong entry) => entry & AddressMask;

    /// <summary>Number of bits below the index of a level.</summary>
    public static int Shift(int level) => PageShift + (9 * (level - 1));

    /// <summary>Index of an address in a table of a level.</summary>
    public static int Index(ulong address, int level) => (int)(address >> Shift(level)) & (TableEntries - 1);
}
