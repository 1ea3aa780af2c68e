using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;

using XeSvm.Simulation.Driver;
using XeSvm.Simulation.Gpu;
using XeSvm.Simulation.Memory;

namespace XeSvm.Simulation.Svm;

/// <summary>
/// The mirror of a client's address space in one VM (drm_gpusvm, xe_svm.c): its ranges, their invalidation and their removal. Lock
/// order: VM lock, settlement, notifier lock, page-table lock. The notifier lock alone guards ranges and their pages.
/// </summary>
internal sealed partial class SvmMirror : IMmuNotifier, IThreadPoolWorkItem, IDisposable
{
    private readonly Lock _notifierLock = new();
    private readonly SvmRangeTable _ranges = new();
    private readonly List<SvmRange> _affected = [];
    private readonly List<SvmRange> _garbage = [];
    private readonly Stack<SvmRange> _pool = new();
    private readonly SvmPageMapper _mapper;

    // Gone from the table, but still with addresses to be given back outside of the notifier lock. Under the VM lock.
    private readonly List<SvmRange> _removed = [];
    private bool _collectionIsQueued;

    public SvmMirror(Vm vm)
    {
        Vm = vm;
        _mapper = new SvmPageMapper(vm);
        vm.Client.Notifiers.Register(this);
    }

    public Vm Vm { get; }

    /// <summary>How many ranges exist.</summary>
    public int RangeCount
    {
        get
        {
            lock (_notifierLock)
            {
                return _ranges.Count;
            }
        }
    }

    /// <summary>How many notifiers exist.</summary>
    public int NotifierCount
    {
        get
        {
            lock (_notifierLock)
            {
                return _ranges.NotifierCount;
            }
        }
    }

    /// <summary>Whether ranges live in <c>[start, end)</c>.</summary>
    public bool HasRanges(ulong start, ulong end)
    {
        lock (_notifierLock)
        {
            return _ranges.Overlaps(start, end);
        }
    }

    /// <summary>The range that contains an address.</summary>
    public bool TryFind(ulong address, [NotNullWhen(true)] out SvmRange? range)
    {
        lock (_notifierLock)
        {
            return _ranges.TryFind(address, out range);
        }
    }

    /// <summary>What a fault or a prefetch needs to know of a range at one moment.</summary>
    /// <param name="range">The range.</param>
    /// <param name="tiles">Bit per tile that it is to be bound on.</param>
    public RangeState Examine(SvmRange range, uint tiles)
    {
        lock (_notifierLock)
        {
            return new RangeState((range.BoundTiles & tiles) == tiles, range.Pages.Device?.Pagemap, range.Unmapped);
        }
    }

    /// <summary>Makes the pages of a range known to the device (drm_gpusvm_get_pages).</summary>
    /// <param name="range">The range.</param>
    /// <param name="allowDeviceMemory">Whether data may stay in VRAM; otherwise it is brought to system memory first.</param>
    /// <param name="devmemOnly">System pages are an error.</param>
    /// <param name="readOnly">The device only reads.</param>
    /// <returns>0; -EOPNOTSUPP pages in different places; -EFAULT; -EPERM; -EBUSY no luck within a second; other errors of the DMA API.</returns>
    public int GetPages(SvmRange range, bool allowDeviceMemory, bool devmemOnly, bool readOnly)
    {
        long deadline = Stopwatch.GetTimestamp() + Stopwatch.Frequency;
        bool hasBegun = false;
        while (Stopwatch.GetTimestamp() < deadline)
        {
            long sequence;
            lock (_notifierLock)
            {
                if (range.Pages.IsValid)
                {
                    return devmemOnly && range.Pages.Device is null ? -Errno.EFAULT : 0;
                }

                sequence = range.Sequence;
            }

            if (!hasBegun)
            {
                // What an earlier mapping has kept goes now; what this call reserves is kept over its restarts.
                _mapper.FreePeer(range);
                hasBegun = true;
            }

            int result = _mapper.FaultIn(Vm.Client, range, allowDeviceMemory, readOnly, out bool inDevice);
            if (result == 0 && inDevice)
            {
                result = _mapper.PreparePeer(Vm.Client, range);
            }

            if (result == -Errno.EAGAIN)
            {
                Thread.Yield();
                continue;
            }

            if (result < 0)
            {
                return result;
            }

            lock (_notifierLock)
            {
                if (range.Unmapped)
                {
                    return -Errno.EFAULT;
                }

                if (range.Sequence != sequence)
                {
                    continue;
                }

                if (!inDevice && devmemOnly)
                {
                    return -Errno.EFAULT;
                }

                result = inDevice ? _mapper.MapDevice(Vm.Client, range) : _mapper.MapSystem(Vm.Client, range, readOnly);
                if (result != -Errno.EAGAIN)
                {
                    return result;
                }
            }
        }

        return -Errno.EBUSY;
    }

    /// <summary>Writes the page-table entries of a range for a tile (xe_vm_range_rebind).</summary>
    /// <returns>0; -EAGAIN when the pages were invalidated since they were got.</returns>
    public int Bind(SvmRange range, int tile, Vma vma)
    {
        lock (_notifierLock)
        {
            if (!CanBind(range))
            {
                return -Errno.EAGAIN;
            }

            WriteEntries(range, tile, vma);
            return 0;
        }
    }

    /// <summary>Writes the page-table entries of many ranges of one area in one go: all, or none when pages of one were invalidated.</summary>
    /// <returns>0; -EAGAIN when the pages of one were invalidated since they were got.</returns>
    public int BindAll(ReadOnlySpan<SvmRange> ranges, int tile, Vma vma)
    {
        lock (_notifierLock)
        {
            foreach (SvmRange range in ranges)
            {
                if (!CanBind(range))
                {
                    return -Errno.EAGAIN;
                }
            }

            foreach (SvmRange range in ranges)
            {
                WriteEntries(range, tile, vma);
            }

            return 0;
        }
    }

    /// <inheritdoc/>
    /// <remarks>One callback for each notifier that the event touches; without ranges inside there is nothing to do and to count.</remarks>
    public void Invalidate(ulong start, ulong end, MmuEvent reason)
    {
        lock (_notifierLock)
        {
            foreach (SvmNotifier notifier in _ranges.Overlapping(start, end))
            {
                _affected.Clear();
                notifier.Ranges.Collect(Math.Max(start, notifier.Start), Math.Min(end, notifier.End), _affected);
                if (_affected.Count != 0)
                {
                    InvalidateAffected(reason);
                }
            }
        }
    }

    /// <summary>Zaps the page-table entries of every range in <c>[start, end)</c>; pages and DMA mappings stay (madvise).</summary>
    public void ZapBindings(ulong start, ulong end)
    {
        lock (_notifierLock)
        {
            _affected.Clear();
            _ranges.Collect(start, end, _affected);
            Vm.InvalidateTlb(Zap(isNotifierEvent: false));
        }
    }

    /// <summary>
    /// Removes the ranges whose memory the client has unmapped (xe_svm_garbage_collector), and resets the attributes of areas that asked for
    /// it. Called under the VM lock.
    /// </summary>
    /// <returns>Whether areas of the VM have changed: who holds one has to look it up again.</returns>
    public bool CollectGarbage()
    {
        bool changed = false;
        while (TryTakeGarbage(out ulong start, out ulong end))
        {
            FreeRemoved();
            changed |= SvmAttributeReset.Apply(Vm, start, end);
        }

        return changed;
    }

    /// <summary>The garbage collector as a work item: what was unmapped goes away although nobody faults or binds.</summary>
    void IThreadPoolWorkItem.Execute()
    {
        lock (_notifierLock)
        {
            _collectionIsQueued = false;
        }

        lock (Vm.Lock)
        {
            if (!Vm.IsClosed)
            {
                CollectGarbage();
            }
        }
    }

    /// <summary>Removes every range in <c>[start, end)</c>: the mirror VMA goes, or is split across them. Called under the VM lock.</summary>
    public void RemoveRanges(ulong start, ulong end)
    {
        lock (_notifierLock)
        {
            _affected.Clear();
            _ranges.Collect(start, end, _affected);
            Vm.InvalidateTlb(Zap(isNotifierEvent: false));

            foreach (SvmRange range in _affected)
            {
                _garbage.Remove(range);
                Remove(range);
            }
        }

        FreeRemoved();
    }

    /// <summary>Sends the range that an address lies inside of to system memory and removes it. Called under the VM lock.</summary>
    public void EvictStraddling(ulong address)
    {
        if (!TryFind(address, out SvmRange? range) || range.Start == address)
        {
            return;
        }

        if (Vm.Client.Residency.Examine(range.Start, range.End, out _) != Residency.System)
        {
            Pagemap.DevicePagemap.EvictRange(Vm.Client, range.Start, range.PageCount);
        }

        RemoveRanges(range.Start, range.End);
    }

    /// <summary>Ends the mirror: no notifier, no ranges.</summary>
    public void Dispose()
    {
        Vm.Client.Notifiers.Unregister(this);
        RemoveRanges(0, Vm.Size);
    }

    private static bool CanBind(SvmRange range) => range.Pages.IsValid && !range.Unmapped;

    private void WriteEntries(SvmRange range, int tile, Vma vma)
    {
        SvmPageTableWriter.Write(Vm, range, vma, tile);
        range.TilePresent |= 1u << tile;
        range.TileInvalidated &= ~(1u << tile);
        range.Pages.Device?.Pagemap.Touch(range.Pages.Device);
    }

    /// <summary>xe_svm_invalidate: zap, one TLB invalidation for all, then drop the DMA mappings of every touched range as a whole.</summary>
    private void InvalidateAffected(MmuEvent reason)
    {
        long begin = Stopwatch.GetTimestamp();
        uint zapped = Zap(isNotifierEvent: true);
        Vm.InvalidateTlb(zapped);

        foreach (SvmRange range in _affected)
        {
            _mapper.Unmap(Vm.Client, range);
            if (reason == MmuEvent.Unmap && !range.Unmapped)
            {
                range.Unmapped = true;
                _garbage.Add(range);
                QueueCollection();
            }
        }

        Vm.Device.Count(zapped, GtCounter.SvmTlbInvalUs, Stopwatch.GetElapsedTime(begin).Ticks / TimeSpan.TicksPerMicrosecond);
    }

    private void QueueCollection()
    {
        if (!_collectionIsQueued)
        {
            _collectionIsQueued = true;
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }
    }

    /// <summary>Removes one range that was unmapped, and says where it was.</summary>
    private bool TryTakeGarbage(out ulong start, out ulong end)
    {
        start = end = 0;
        lock (_notifierLock)
        {
            if (_garbage.Count == 0)
            {
                return false;
            }

            SvmRange range = _garbage[^1];
            _garbage.RemoveAt(_garbage.Count - 1);
            (start, end) = (range.Start, range.End);
            Remove(range);
            return true;
        }
    }

    /// <summary>Zaps the bound ranges of the affected list; bit per tile that had any.</summary>
    private uint Zap(bool isNotifierEvent)
    {
        uint zapped = 0;
        foreach (SvmRange range in _affected)
        {
            range.Sequence++;
            uint bound = range.BoundTiles;
            if (bound == 0 || range.Unmapped)
            {
                continue;
            }

            Vm.ZapPageTable(range.Start, range.End);
            range.TileInvalidated |= bound;
            if (isNotifierEvent)
            {
                Vm.Device.Count(bound, GtCounter.SvmTlbInvalCount, 1);
            }

            zapped |= bound;
        }

        return zapped;
    }

    private void Remove(SvmRange range)
    {
        if (range.BoundTiles != 0)
        {
            Vm.ZapPageTable(range.Start, range.End);
            Vm.InvalidateTlb(range.BoundTiles);
        }

        _mapper.Unmap(Vm.Client, range);
        _ranges.Remove(range);
        if (range.Pages.Peer is { Target: not null })
        {
            _removed.Add(range);
        }
        else
        {
            _pool.Push(range);
        }
    }

    /// <summary>Gives back the addresses of other devices' memory that removed ranges have kept. Under the VM lock, not under the notifier lock.</summary>
    private void FreeRemoved()
    {
        if (_removed.Count == 0)
        {
            return;
        }

        foreach (SvmRange range in _removed)
        {
            _mapper.FreePeer(range);
        }

        lock (_notifierLock)
        {
            foreach (SvmRange range in _removed)
            {
                _pool.Push(range);
            }
        }

        _removed.Clear();
    }
}

/// <summary>A range at one moment.</summary>
/// <param name="Bound">The page table of each tile that was asked for has it.</param>
/// <param name="Pagemap">The VRAM its mapped pages are in, or null.</param>
/// <param name="Unmapped">The client has unmapped the memory.</param>
internal readonly record struct RangeState(bool Bound, Pagemap.DevicePagemap? Pagemap, bool Unmapped);
