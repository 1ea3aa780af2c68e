namespace XeSvm.Simulation.Gpu;

/// <summary>
/// The GPU page table of one VM: a radix tree with 9 bits a level and leaves of 4 KiB, 64 KiB (16 entries with a size bit), 2 MiB and
/// 1 GiB (xe_pt.c). One writer at a time, under a lock of the caller; readers walk without lock inside an access section.
/// </summary>
internal sealed unsafe partial class GpuPageTable : IDisposable
{
    public const int PageShift = 12;
    public const int Size64KShift = 16;
    public const ulong PageSize = 1UL << PageShift;

    private const int LargestLeafLevel = 2;
    private const int PagesPer64K = 16;
    private const int MinVaBits = 39;
    private const int MaxVaBits = 57;

    private readonly GpuTablePool _pool;
    private readonly int _topLevel;
    private GpuTable* _root;
    private long _entriesWritten;
    private long _entriesCleared;

    /// <param name="gate">The gate of the VM's engine threads.</param>
    /// <param name="vaBits">Address bits of the VM, 39 to 57; 48 on Battlemage.</param>
    public GpuPageTable(TlbGate gate, int vaBits)
    {
        if (vaBits is < MinVaBits or > MaxVaBits)
        {
            throw new ArgumentOutOfRangeException(nameof(vaBits), vaBits, $"A VM has {MinVaBits} to {MaxVaBits} address bits.");
        }

        VaBits = vaBits;
        _topLevel = ((vaBits - PageShift + GpuTable.IndexBits - 1) / GpuTable.IndexBits) - 1;
        _pool = new GpuTablePool(gate);
        _root = _pool.Allocate();
    }

    ~GpuPageTable() => Release();

    /// <summary>Address bits of the VM.</summary>
    public int VaBits { get; }

    /// <summary>Entries written since creation, entries of tables made by a split included.</summary>
    public long EntriesWritten => Volatile.Read(ref _entriesWritten);

    /// <summary>Leaf entries cleared since creation.</summary>
    public long EntriesCleared => Volatile.Read(ref _entriesCleared);

    /// <summary>
    /// Maps a range with the largest leaves that its addresses allow. What was mapped there is replaced; the caller invalidates when that
    /// could be cached.
    /// </summary>
    /// <param name="address">First GPU address; 4 KiB aligned.</param>
    /// <param name="length">Bytes; a multiple of 4 KiB, not 0.</param>
    /// <param name="template">The entry of the first page; the address advances with the range.</param>
    public void Map(ulong address, ulong length, GpuPte template)
    {
        CheckRange(address, length);
        if (!template.IsPresent)
        {
            throw new ArgumentException("Only a present entry can be mapped; Zap clears.", nameof(template));
        }

        ulong end = address + length;
        while (address < end)
        {
            int level = LeafLevel(address, end - address, template);
            ulong mapped = WriteLeaves(level, address, end, template);
            template = template.Advance(mapped);
            address += mapped;
        }
    }

    /// <summary>
    /// Clears a range, splitting larger leaves that stick out of it. Returns whether anything was present: the caller then invalidates
    /// before the memory is used for something else.
    /// </summary>
    /// <param name="start">First GPU address; 4 KiB aligned.</param>
    /// <param name="end">First GPU address beyond; 4 KiB aligned.</param>
    public bool Zap(ulong start, ulong end)
    {
        CheckRange(start, end - start);
        return Zap(_root, _topLevel, start, end);
    }

    /// <summary>
    /// Finds the leaf that maps an address. For a thread inside an access section, or one that holds the write lock.
    /// </summary>
    /// <param name="address">GPU address, masked to the VM's bits.</param>
    /// <param name="pte">The leaf's entry; its address is that of the leaf's first byte.</param>
    /// <param name="shift">Binary logarithm of the leaf's size: 12, 16, 21 or 30.</param>
    public bool TryWalk(ulong address, out GpuPte pte, out int shift) => TryWalk(address, out pte, out shift, out _);

    /// <summary>
    /// As <see cref="TryWalk(ulong, out GpuPte, out int)"/>, for a TLB: 4 KiB leaves are taken together with those behind them that go on
    /// in the same memory with the same rights, so that copies are not cut into pages.
    /// </summary>
    public bool TryTranslate(ulong address, out GpuTranslation translation)
    {
        translation = default;
        if (!TryWalk(address, out GpuPte pte, out int shift, out GpuTable* table))
        {
            return false;
        }

        translation.Pte = pte;
        translation.Start = address & ~((1UL << shift) - 1);
        translation.Length = 1UL << shift;
        if (shift == PageShift && pte.Kind is GpuPteKind.Vram or GpuPteKind.Host && !pte.IsSvm)
        {
            int first = Index(address, 0);
            int end = Math.Min(first + PagesPer64K, GpuTable.EntryCount);
            for (int index = first + 1; index < end && GpuTable.Load(table, index) == pte.Advance(translation.Length).Bits; index++)
            {
                translation.Length += PageSize;
            }
        }

        return true;
    }

    /// <summary>Frees all tables. No engine thread of the VM may be left.</summary>
    public void Dispose()
    {
        Release();
        GC.SuppressFinalize(this);
    }

    private bool TryWalk(ulong address, out GpuPte pte, out int shift, out GpuTable* table)
    {
        table = _root;
        if (address >> VaBits == 0)
        {
            for (int level = _topLevel; level >= 0; level--)
            {
                ulong entry = GpuTable.Load(table, Index(address, level));
                if (GpuTable.IsPointer(entry))
                {
                    table = GpuTable.Target(entry);
                    continue;
                }

                pte = new GpuPte(entry);
                shift = LevelShift(level);
                if ((entry & GpuPte.Size64KBit) != 0)
                {
                    pte = pte.FirstOf64K();
                    shift = Size64KShift;
                }

                return pte.IsPresent;
            }
        }

        pte = default;
        shift = 0;
        return false;
    }

    /// <summary>The level at which the walk to an address that is not mapped ends; 0 for the lowest. As <see cref="TryWalk(ulong, out GpuPte, out int)"/>.</summary>
    public int MissLevel(ulong address)
    {
        GpuTable* table = _root;
        int level = _topLevel;
        while (level > 0 && GpuTable.Load(table, Index(address, level)) is ulong entry && GpuTable.IsPointer(entry))
        {
            table = GpuTable.Target(entry);
            level--;
        }

        return level;
    }

    private static int LevelShift(int level) => PageShift + (level * GpuTable.IndexBits);

    private static int Index(ulong address, int level) => (int)(address >> LevelShift(level)) & (GpuTable.EntryCount - 1);

    private static int LeafLevel(ulong address, ulong length, GpuPte template)
    {
        ulong alignment = template.Kind == GpuPteKind.Null ? address : address | template.Address;
        int level = LargestLeafLevel;
        while (level > 0 && (length >> LevelShift(level) == 0 || (alignment & ((1UL << LevelShift(level)) - 1)) != 0))
        {
            level--;
        }

        return level;
    }

    private void CheckRange(ulong address, ulong length)
    {
        if (length == 0 || ((address | length) & (PageSize - 1)) != 0 || address >> VaBits != 0 || length > (1UL << VaBits) - address)
        {
            throw new ArgumentOutOfRangeException(
                nameof(address), $"0x{address:x} with length 0x{length:x} is not a range of whole 4 KiB pages below 2^{VaBits}.");
        }
    }

    /// <summary>Writes the leaves of one table; returns the bytes that they map.</summary>
    private ulong WriteLeaves(int level, ulong address, ulong end, GpuPte template)
    {
        GpuTable* table = Descend(level, address);
        int shift = LevelShift(level);
        int first = Index(address, level);
        int count = (int)Math.Min((ulong)(GpuTable.EntryCount - first), (end - address) >> shift);
        if (level == 0)
        {
            Break64K(table, first);
            Break64K(table, first + count);
        }

        ulong size64K = 0;
        for (int index = first; index < first + count; index++)
        {
            ulong old = GpuTable.Load(table, index);
            if (level == 0 && index % PagesPer64K == 0)
            {
                size64K = first + count - index >= PagesPer64K && Is64KAligned(template) ? GpuPte.Size64KBit : 0;
            }

            GpuTable.Store(table, index, template.Bits | size64K);
            template = template.Advance(1UL << shift);
            if ((old & GpuPte.PresentBit) == 0)
            {
                table->Live++;
            }
            else
            {
                RetireTarget(old, level);
            }
        }

        _entriesWritten += count;
        return (ulong)count << shift;
    }

    private static bool Is64KAligned(GpuPte template) => template.Kind == GpuPteKind.Null || (template.Address & 0xffff) == 0;

    /// <summary>The table of a level that covers an address; tables that are missing are made, larger leaves on the way are split.</summary>
    private GpuTable* Descend(int level, ulong address)
    {
        GpuTable* table = _root;
        for (int above = _topLevel; above > level; above--)
        {
            int index = Index(address, above);
            ulong entry = GpuTable.Load(table, index);
            if ((entry & GpuPte.PresentBit) == 0)
            {
                entry = GpuTable.Pointer(_pool.Allocate());
                GpuTable.Store(table, index, entry);
                table->Live++;
                _entriesWritten++;
            }
            else if (!GpuTable.IsPointer(entry))
            {
                entry = Split(table, index, above);
            }

            table = GpuTable.Target(entry);
        }

        return table;
    }

    /// <summary>Replaces a leaf by a table of leaves of the next smaller size that map the same memory.</summary>
    private ulong Split(GpuTable* table, int index, int level)
    {
        var leaf = new GpuPte(GpuTable.Load(table, index));
        GpuTable* smaller = _pool.Allocate();
        ulong step = 1UL << LevelShift(level - 1);
        for (int entry = 0; entry < GpuTable.EntryCount; entry++)
        {
            GpuTable.Store(smaller, entry, leaf.With64K(level == 1).Bits);
            leaf = leaf.Advance(step);
        }

        smaller->Live = GpuTable.EntryCount;
        _entriesWritten += GpuTable.EntryCount + 1;
        ulong pointer = GpuTable.Pointer(smaller);
        GpuTable.Store(table, index, pointer);
        return pointer;
    }

    /// <summary>Makes the 64 KiB leaf that a page boundary cuts, if any, into 4 KiB leaves.</summary>
    private void Break64K(GpuTable* table, int boundary)
    {
        if (boundary % PagesPer64K == 0)
        {
            return;
        }

        int first = boundary - (boundary % PagesPer64K);
        if ((GpuTable.Load(table, first) & GpuPte.Size64KBit) == 0)
        {
            return;
        }

        for (int index = first; index < first + PagesPer64K; index++)
        {
            GpuTable.Store(table, index, new GpuPte(GpuTable.Load(table, index)).With64K(false).Bits);
        }

        _entriesWritten += PagesPer64K;
    }

    private bool Zap(GpuTable* table, int level, ulong start, ulong end)
    {
        int shift = LevelShift(level);
        ulong size = 1UL << shift;
        int first = Index(start, level);
        int last = Index(end - 1, level);
        if (level == 0)
        {
            Break64K(table, first);
            Break64K(table, last + 1);
        }

        bool any = false;
        ulong entryStart = start & ~(size - 1);
        for (int index = first; index <= last; index++, entryStart += size)
        {
            ulong entry = GpuTable.Load(table, index);
            if ((entry & GpuPte.PresentBit) == 0)
            {
                continue;
            }

            ulong from = Math.Max(start, entryStart);
            ulong to = Math.Min(end, entryStart + size);
            if (to - from == size)
            {
                ClearEntry(table, index);
                RetireTarget(entry, level);
                any = true;
                continue;
            }

            GpuTable* below = GpuTable.Target(GpuTable.IsPointer(entry) ? entry : Split(table, index, level));
            any |= Zap(below, level - 1, from, to);
            if (below->Live == 0)
            {
                ClearEntry(table, index);
                _pool.Retire(below);
            }
        }

        return any;
    }

    private static void ClearEntry(GpuTable* table, int index)
    {
        GpuTable.Store(table, index, 0);
        table->Live--;
    }

    /// <summary>Accounts for an entry that was taken out: a leaf, or a table with all that is below it.</summary>
    private void RetireTarget(ulong entry, int level)
    {
        if (!GpuTable.IsPointer(entry))
        {
            _entriesCleared++;
            return;
        }

        GpuTable* table = GpuTable.Target(entry);
        if (level == 1)
        {
            _entriesCleared += table->Live;
        }
        else
        {
            for (int index = 0; index < GpuTable.EntryCount; index++)
            {
                ulong below = GpuTable.Load(table, index);
                if ((below & GpuPte.PresentBit) != 0)
                {
                    RetireTarget(below, level - 1);
                }
            }
        }

        _pool.Retire(table);
    }

    private void Release()
    {
        if (_root != null)
        {
            FreeNow(_root, _topLevel);
            _root = null;
            _pool.Release();
        }
    }

    private static void FreeNow(GpuTable* table, int level)
    {
        for (int index = 0; level > 0 && index < GpuTable.EntryCount; index++)
        {
            ulong entry = GpuTable.Load(table, index);
            if (GpuTable.IsPointer(entry))
            {
                FreeNow(GpuTable.Target(entry), level - 1);
            }
        }

        GpuTablePool.FreeNow(table);
    }
}
