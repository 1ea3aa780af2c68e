using System.Numerics;
using XeSvm.Simulation.Cost;

namespace XeSvm.Simulation.Iommu;

/// <summary>
/// One I/O address space: the allocator of its addresses, its page table, what the IOMMU has cached of it, and the queues that invalidate.
/// An identity domain (off, passthrough) has none of these and translates an address to itself. Thread-safe.
/// </summary>
internal sealed class IommuDomain : IDisposable
{
    private readonly IoPageTable? _table;
    private readonly IovaAllocator? _allocator;
    private readonly FlushQueue? _flushQueue;
    private readonly IoTlb _tlb;
    private readonly InvalidationQueue _invalidations;

    /// <summary>A domain.</summary>
    /// <param name="options">The IOMMU's properties.</param>
    /// <param name="deferred">Where work of the flush-queue timer is counted, as <see cref="DmaPurpose.Deferred"/>.</param>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    public IommuDomain(IommuOptions options, OperationCounters? deferred = null)
    {
        options.Validate();
        Options = options;
        Mode = options.EffectiveMode;
        _tlb = new IoTlb(options.IotlbEntries);
        _invalidations = new InvalidationQueue(_tlb);
        LivePages = new ShardedCounter(options.Processors);
        LiveSlackPages = new ShardedCounter(options.Processors);
        if (!options.Translates)
        {
            return;
        }

        _table = new IoPageTable(options);
        _allocator = new IovaAllocator(options.Processors, options.Timers, Background);
        if (Mode == IommuMode.Lazy)
        {
            _flushQueue = new FlushQueue(options, _allocator, _table, _invalidations, deferred, Background);
        }
    }

    /// <summary>The options that the domain was made with.</summary>
    public IommuOptions Options { get; }

    /// <summary>The mode in force: caching mode turns lazy into strict.</summary>
    public IommuMode Mode { get; }

    /// <summary>Whether addresses are translated; if not, there is no IOVA API.</summary>
    public bool Translates => _table is not null;

    /// <summary>Held while a timer changes the domain; an audit holds it to keep the domain quiet.</summary>
    public Lock Background { get; } = new();

    /// <summary>Live reservations of the link API.</summary>
    public IovaReservations Reservations { get; } = new();

    /// <summary>Pages of live dma_map_page and dma_map_sg mappings.</summary>
    public ShardedCounter LivePages { get; }

    /// <summary>Pages that the allocator added to such mappings when it rounded their sizes up.</summary>
    public ShardedCounter LiveSlackPages { get; }

    /// <summary>Refused device accesses.</summary>
    public EventLog<IommuFault> Faults { get; } = new();

    /// <summary>Misuse of the DMA API.</summary>
    public EventLog<DmaMisuse> Misuses { get; } = new();

    /// <summary>The queued-invalidation interface.</summary>
    public InvalidationQueue Invalidations => _invalidations;

    /// <summary>What the IOMMU has cached (audit).</summary>
    public IoTlb Tlb => _tlb;

    /// <summary>The page table of a translating domain.</summary>
    public IoPageTable Table => _table ?? throw NoTranslation();

    /// <summary>The address allocator of a translating domain.</summary>
    public IovaAllocator Allocator => _allocator ?? throw NoTranslation();

    /// <summary>The flush queue; null unless the mode is lazy.</summary>
    public FlushQueue? FlushQueue => _flushQueue;

    /// <summary>Leaf permissions for mapped memory that the device may read, write or both.</summary>
    public ulong Permissions(bool read, bool write)
    {
        // The first stage has no write-only pages.
        bool readable = read || (write && Options.FirstStage);
        return (readable ? IoEntry.Read : 0) | (write ? IoEntry.Write : 0);
    }

    /// <summary>Maps a range; on failure nothing of it stays mapped. Does not tell the hardware: see <see cref="SyncMap"/>.</summary>
    /// <returns>0, -EADDRINUSE, -ENOMEM or -EINVAL.</returns>
    public int Map(ulong address, ulong physical, ulong size, ulong permissions, ref DmaWork work)
    {
        IoTableList detached = default;
        int result = Table.Map(address, physical, size, permissions, ref detached, out ulong mapped, ref work);
        if (!detached.IsEmpty)
        {
            // The IOMMU may have cached the tables that 2 MiB leaves took the place of.
            InvalidateNow(address, mapped == 0 ? size : mapped, leafOnly: false, ref work);
            Table.Release(in detached);
        }

        if (result < 0 && mapped > 0)
        {
            UnmapNow(address, mapped, ref work);
        }

        return result;
    }

    /// <summary>The driver's iotlb_sync_map: nothing to do but for caching mode and write buffers.</summary>
    public void SyncMap(ulong address, ulong size, ref DmaWork work)
    {
        work.SyncCalls++;
        if (!Options.SyncNeedsHardware)
        {
            return;
        }

        work.SyncHw++;
        if (Options.CachingMode && !Options.FirstStage)
        {
            Flush(address, size, leafOnly: true);
        }
        else
        {
            // The register write and poll that drain the chipset's buffer order all earlier stores.
            Interlocked.MemoryBarrier();
        }
    }

    /// <summary>Clears a range and waits for its invalidation; an empty range asks for none.</summary>
    /// <returns>Bytes cleared: less than asked at a hole, more when a 2 MiB leaf reached out of the range.</returns>
    public ulong UnmapNow(ulong address, ulong size, ref DmaWork work)
    {
        IoTableList detached = default;
        ulong cleared = Table.Unmap(address, size, ref detached, ref work);
        if (cleared > 0 || !detached.IsEmpty)
        {
            InvalidateNow(address, Math.Max(cleared, 1), detached.IsEmpty, ref work);
            Table.Release(in detached);
        }

        return cleared;
    }

    /// <summary>Clears a range as dma_unmap does, and frees its address: at once in strict mode, after a later flush in lazy mode.</summary>
    public ulong UnmapAndFree(ulong address, ulong size, ref DmaWork work)
    {
        ulong page = address >> IoEntry.PageShift;
        ulong pages = size >> IoEntry.PageShift;
        ulong cleared;
        if (_flushQueue is null)
        {
            cleared = UnmapNow(address, size, ref work);
            Allocator.Free(page, pages, ref work);
            return cleared;
        }

        IoTableList detached = default;
        cleared = Table.Unmap(address, size, ref detached, ref work);
        _flushQueue.Add(page, pages, in detached, ref work);
        return cleared;
    }

    /// <summary>iova_to_phys; false when nothing is mapped there.</summary>
    public bool TryLookup(ulong address, out ulong physical, ref DmaWork work)
    {
        work.WalksLookup++;
        ulong entry = Table.Lookup(address, out int level);
        physical = Physical(entry, level, address);
        return entry != 0;
    }

    /// <summary>
    /// A device access: IOTLB first, then a walk. An access that hits a cached translation whose entry is gone is stale: real hardware would
    /// carry it out, this model refuses it, but still names the physical address that would have been hit.
    /// </summary>
    /// <returns>True, or false with the reason.</returns>
    public bool TryTranslate(ulong address, bool write, out ulong physical, out IommuFaultReason reason)
    {
        physical = address;
        reason = default;
        if (_table is null)
        {
            return true;
        }

        ulong needed = write ? IoEntry.Write : IoEntry.Read;
        while (true)
        {
            long generation = _tlb.Generation;
            bool cached = _tlb.TryGet(address, out ulong entry, out int level);
            ulong walked = _table.Walk(address, out int walkedLevel);
            if (_tlb.Generation != generation)
            {
                // A table that the walk went through may have been reused meanwhile.
                continue;
            }

            if (cached && (entry != walked || level != walkedLevel))
            {
                physical = Physical(entry, level, address);
                reason = IommuFaultReason.Stale;
                return false;
            }

            if (!cached && !MayCache(address, walked, ref reason))
            {
                return false;
            }

            if ((walked & needed) == 0)
            {
                reason = IommuFaultReason.Permission;
                return false;
            }

            if (cached || _tlb.TryAdd(address, walked, walkedLevel, generation))
            {
                physical = Physical(walked, walkedLevel, address);
                return true;
            }
        }
    }

    /// <summary>Counts pages of dma_map mappings in or, if negative, out.</summary>
    public void AddLive(long pages)
    {
        LivePages.Add(pages);
        ulong size = (ulong)Math.Abs(pages);
        long slack = (long)(IovaAllocator.RoundUp(size) - size);
        if (slack != 0)
        {
            LiveSlackPages.Add(Math.Sign(pages) * slack);
        }
    }

    /// <summary>Runs the flush queue's timer now.</summary>
    public void RunFlushTimer() => _flushQueue?.RunTimer();

    /// <summary>Runs the depot worker now.</summary>
    public void RunDepotTimer() => _allocator?.TrimDepots();

    /// <summary>Waits for an invalidation of the smallest aligned power of two of pages that covers a range.</summary>
    public void InvalidateNow(ulong address, ulong size, bool leafOnly, ref DmaWork work)
    {
        work.InvalStrict++;
        Flush(address, size, leafOnly);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _flushQueue?.Dispose();
        _allocator?.Dispose();
        _table?.Dispose();
    }

    private static ulong Physical(ulong entry, int level, ulong address)
    {
        ulong offset = address & ((1UL << IoEntry.Shift(level)) - 1);
        return entry == 0 ? 0 : IoEntry.Address(entry) + offset;
    }

    private static InvalidOperationException NoTranslation() => new("An identity domain has no page table and no I/O virtual addresses.");

    private bool MayCache(ulong address, ulong walked, ref IommuFaultReason reason)
    {
        if (walked == 0)
        {
            reason = IommuFaultReason.Unmapped;
            return false;
        }

        if (Reservations.Unsynced != 0 && Reservations.IsUnsynced(address))
        {
            reason = IommuFaultReason.Unsynced;
            return false;
        }

        return true;
    }

    private void Flush(ulong address, ulong size, bool leafOnly)
    {
        ulong first = address >> IoEntry.PageShift;
        ulong last = (address + size - 1) >> IoEntry.PageShift;
        int order = first == last ? 0 : BitOperations.Log2(first ^ last) + 1;
        if (order > Options.MaxAddressMask)
        {
            _invalidations.FlushDomain();
        }
        else
        {
            _invalidations.FlushPages(first >> order << order, order, leafOnly);
        }
    }
}
