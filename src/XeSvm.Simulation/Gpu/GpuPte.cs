namespace XeSvm.Simulation.Gpu;

/// <summary>One leaf entry of a GPU page table: 64 bits, of which 12 to 51 are the address of the leaf's first byte.</summary>
internal readonly record struct GpuPte
{
    public const int AddressBits = 52;

    internal const ulong PresentBit = 1UL << 0;
    internal const ulong TableBit = 1UL << 1;
    internal const ulong Size64KBit = 1UL << 7;

    private const ulong WritableBit = 1UL << 2;
    private const int KindShift = 3;
    private const ulong KindMask = 3UL << KindShift;
    private const ulong SvmBit = 1UL << 5;
    private const ulong AtomicBit = 1UL << 6;
    private const ulong AddressMask = ((1UL << AddressBits) - 1) & ~0xfffUL;

    internal GpuPte(ulong bits) => Bits = bits;

    /// <summary>A present entry.</summary>
    /// <param name="kind">What the address means.</param>
    /// <param name="address">Address of the first byte; 4 KiB aligned, below 2^52.</param>
    /// <param name="writable">Whether writes are allowed; a write to another entry faults.</param>
    /// <param name="atomic">Whether atomics are allowed, as XE_USM_PPGTT_PTE_AE says; an atomic on another entry faults.</param>
    /// <param name="svm">Page of a CPU-mirrored range: VRAM access goes through the client's memory, which knows whether the page is still there.</param>
    public GpuPte(GpuPteKind kind, ulong address, bool writable, bool atomic, bool svm)
    {
        if ((address & ~AddressMask) != 0)
        {
            throw new ArgumentOutOfRangeException(nameof(address), $"0x{address:x} is not a 4 KiB aligned address below 2^{AddressBits}.");
        }

        Bits = PresentBit | address | (ulong)kind << KindShift
            | (writable ? WritableBit : 0) | (atomic ? AtomicBit : 0) | (svm ? SvmBit : 0);
    }

    /// <summary>The raw entry.</summary>
    public ulong Bits { get; }

    public bool IsPresent => (Bits & PresentBit) != 0;

    public bool IsWritable => (Bits & WritableBit) != 0;

    public bool AllowsAtomics => (Bits & AtomicBit) != 0;

    public bool IsSvm => (Bits & SvmBit) != 0;

    public GpuPteKind Kind => (GpuPteKind)((Bits & KindMask) >> KindShift);

    public ulong Address => Bits & AddressMask;

    /// <summary>Whether this entry serves an access.</summary>
    public bool Allows(GpuAccess access) => access switch
    {
        GpuAccess.Read => true,
        GpuAccess.Write => IsWritable,
        _ => IsWritable && AllowsAtomics,
    };

    /// <summary>The entry for the memory a number of bytes further on. Entries without memory stay as they are.</summary>
    internal GpuPte Advance(ulong bytes) => Kind == GpuPteKind.Null ? this : new GpuPte(Bits + bytes);

    /// <summary>The same entry as one of the 16 that make a 64 KiB leaf, or not.</summary>
    internal GpuPte With64K(bool set) => new(set ? Bits | Size64KBit : Bits & ~Size64KBit);

    /// <summary>The entry of the first of the 16 pages of the 64 KiB leaf that this entry belongs to.</summary>
    internal GpuPte FirstOf64K() => new(Bits & ~(0xf000UL | Size64KBit));
}
