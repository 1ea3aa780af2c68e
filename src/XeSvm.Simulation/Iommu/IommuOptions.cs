namespace XeSvm.Simulation.Iommu;

/// <summary>The properties of an IOMMU and of the domain that a device is attached to.</summary>
internal sealed record IommuOptions
{
    /// <summary>Address bits of one page-table level.</summary>
    private const int BitsPerLevel = 9;

    private const int PageShift = 12;

    /// <summary>Translation and flushing policy.</summary>
    public IommuMode Mode { get; init; } = IommuMode.Lazy;

    /// <summary>Whether the hardware walker sees the CPU's caches; if not, every written entry is flushed to memory.</summary>
    public bool CoherentWalker { get; init; } = true;

    /// <summary>Whether not-present entries may be cached, as virtual IOMMUs do: a new mapping needs an invalidation (second stage only).</summary>
    public bool CachingMode { get; init; }

    /// <summary>Whether the chipset buffers writes on their way to the walker, so that a new mapping needs a write-buffer flush.</summary>
    public bool WriteBufferFlush { get; init; }

    /// <summary>First-stage translation (x86-64 entry format: a writable page is readable); else second stage.</summary>
    public bool FirstStage { get; init; }

    /// <summary>Page-table levels: 3, 4 or 5 (39, 48 or 57 address bits).</summary>
    public int Levels { get; init; } = 4;

    /// <summary>
    /// The regression of early 2026: unmap flushes what it visited at every level instead of what it changed
    /// (until "iommupt: Only cache flush memory changed by unmap"). Shows on a non-coherent walker only.
    /// </summary>
    public bool FlushRegression { get; init; }

    /// <summary>Whether the kernel is told to use the whole address mask at once (iommu.forcedac=1) instead of trying below 4 GiB first.</summary>
    public bool ForceDac { get; init; }

    /// <summary>Largest power of two of pages that one page-selective invalidation covers, as exponent (VT-d MAMV).</summary>
    public int MaxAddressMask { get; init; } = 18;

    /// <summary>Translations that the IOTLB holds; a power of two.</summary>
    public int IotlbEntries { get; init; } = 1024;

    /// <summary>Processors that have magazines and flush queues of their own.</summary>
    public int Processors { get; init; } = Environment.ProcessorCount;

    /// <summary>Page tables that the domain may have at one time; beyond it mapping fails with -ENOMEM.</summary>
    public int MaxTables { get; init; } = int.MaxValue;

    /// <summary>
    /// Whether the background timers run (flush queue 10 ms, depot 100 ms). Without them the owner calls
    /// <see cref="IommuDomain.RunFlushTimer"/> and <see cref="IommuDomain.RunDepotTimer"/>.
    /// </summary>
    public bool Timers { get; init; } = true;

    /// <summary>
    /// Whether misuse of the DMA API is refused. If not, it is recorded and then does what it does in the kernel, which warns and goes on.
    /// </summary>
    public bool RefuseMisuse { get; init; } = true;

    /// <summary>Whether DMA addresses are translated.</summary>
    public bool Translates => Mode is IommuMode.Lazy or IommuMode.Strict;

    /// <summary>Whether sync_map has hardware work: cache_tag_flush_range_np and its write-buffer flush.</summary>
    public bool SyncNeedsHardware => (CachingMode && !FirstStage) || WriteBufferFlush;

    /// <summary>The mode in force: caching mode without first-stage translation makes the kernel choose strict.</summary>
    public IommuMode EffectiveMode => Mode == IommuMode.Lazy && CachingMode && !FirstStage ? IommuMode.Strict : Mode;

    /// <summary>Bits of an I/O virtual address; the first stage can use the lower half of its canonical range only.</summary>
    public int AddressBits => PageShift + (BitsPerLevel * Levels) - (FirstStage && Levels > 3 ? 1 : 0);

    /// <summary>Throws for values that no IOMMU has.</summary>
    /// <exception cref="ArgumentException">A value is out of range; the message says which and what is valid.</exception>
    public void Validate()
    {
        if (!Enum.IsDefined(Mode))
        {
            throw new ArgumentException($"Mode {(int)Mode} is no IOMMU mode; valid are off, passthrough, lazy, strict.");
        }

        if (Levels is < 3 or > 5)
        {
            throw new ArgumentException($"Levels is {Levels}; an I/O page table has 3, 4 or 5 levels.");
        }

        if (!int.IsPow2(IotlbEntries) || IotlbEntries > 1 << 20)
        {
            throw new ArgumentException($"IotlbEntries is {IotlbEntries}; valid is a power of two up to {1 << 20}.");
        }

        if (Processors is < 1 or > 4096)
        {
            throw new ArgumentException($"Processors is {Processors}; valid is 1 to 4096.");
        }

        if (MaxAddressMask is < 0 or > 52)
        {
            throw new ArgumentException($"MaxAddressMask is {MaxAddressMask}; valid is 0 to 52.");
        }

        if (MaxTables < 1)
        {
            throw new ArgumentException($"MaxTables is {MaxTables}; the root table alone needs 1.");
        }
    }
}
