namespace XeSvm.Simulation.Gpu;

/// <summary>
/// One leaf entry of a GPU page table: 64 bits, of which 12 to 51 are the address of the leaf's first byte. Bits 8 and 9, and 52 to 57, say of a bus
/// address which space and whose it is.
/// </summary>
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
    private const int SpaceShift = 8;
    private const ulong SpaceMask = 3UL << SpaceShift;
    private const int TargetShift = AddressBits;
    private const ulong TargetMask = 63;
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

    /// <summary>A present entry for a bus address of any space.</summary>
    /// <param name="address">The address of the first byte; 4 KiB aligned, below 2^52.</param>
    /// <param name="writable">Whether writes are allowed.</param>
    /// <param name="atomic">Whether atomics are allowed.</param>
    /// <param name="svm">Page of a CPU-mirrored range.</param>
    public GpuPte(GpuBusAddress address, bool writable, bool atomic, bool svm)
        : this(GpuPteKind.Dma, address.Value, writable, atomic, svm) =>
        Bits |= (ulong)address.Space << SpaceShift | (address.Target & TargetMask) << TargetShift;

    /// <summary>The raw entry.</summary>
    public ulong Bits { get; }

    public bool IsPresent => (Bits & PresentBit) != 0;

    public bool IsWritable => (Bits & WritableBit) != 0;

    public bool AllowsAtomics => (Bits & AtomicBit) != 0;

    public bool IsSvm => (Bits & SvmBit) != 0;

    public GpuPteKind Kind => (GpuPteKind)((Bits & KindMask) >> KindShift);

    public ulong Address => Bits & AddressMask;

    /// <summary>The space of the address of a <see cref="GpuPteKind.Dma"/> entry.</summary>
    public GpuBusSpace Space => (GpuBusSpace)((Bits & SpaceMask) >> SpaceShift);

    /// <summary>The address of a <see cref="GpuPteKind.Dma"/> entry, some bytes into its leaf.</summary>
    public GpuBusAddress BusAddress(ulong offset) => new(Address + offset, Space, (byte)(Bits >> TargetShift & TargetMask));

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
