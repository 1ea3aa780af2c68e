using XeSvm.Simulation.Cost;
using XeSvm.Simulation.Dma;
using XeSvm.Simulation.Driver;
using XeSvm.Simulation.Gpu;
using XeSvm.Simulation.Memory;
using XeSvm.Simulation.Peers.Locks;
using XeSvm.Simulation.Peers.Machine;

namespace XeSvm.Simulation.Pagemap;

/// <summary>
/// The device pages of one VRAM region (drm_pagemap with xe_svm.c's operations): allocates VRAM for chunks of client memory, evicts
/// under pressure, and settles the accounts of pages that have left.
/// </summary>
internal sealed class DevicePagemap
{
    /// <summary>
    /// Migrations of all devices share it; a second attempt at one has it alone, so that two devices that want the same pages do not
    /// chase each other (xe_svm_alloc_vram).
    /// </summary>
    private static readonly ReaderWriterLockSlim s_migration = new();

    /// <summary>How many allocations one range can overlap: chunks of 4 KiB in one of 2 MiB.</summary>
    private const int EvictionPasses = PageConstants.BlockPages;

    private readonly Lock _lock = new();
    private readonly Stack<DeviceMemoryAllocation> _pool = new();
    private readonly MigrateToDevice _migrate;
    private readonly VramOwners? _owners;
    private int _allocations;
    private int _pinned;

    public DevicePagemap(SoftwareDevice device, Gt gt, VramRegion vram)
    {
        Device = device;
        Gt = gt;
        Vram = vram;
        _migrate = new MigrateToDevice(this);
        _owners = device.Machine.HasPeers ? new VramOwners(vram.FirstOffset, vram.Total) : null;
    }

    public SoftwareDevice Device { get; }

    /// <summary>The primary GT of the tile that owns the VRAM: copies are counted there.</summary>
    public Gt Gt { get; }

    public VramRegion Vram { get; }

    /// <summary>How many allocations exist.</summary>
    public int AllocationCount => Volatile.Read(ref _allocations);

    private SoftwareTile Tile => Device.Tiles[Gt.TileId];

    /// <summary>How many allocations are pinned.</summary>
    public int PinnedCount
    {
        get
        {
            lock (_lock)
            {
                return _pinned;
            }
        }
    }

    /// <summary>The allocation that has a byte of this VRAM, or null. For accesses from other devices.</summary>
    public DeviceMemoryAllocation? FindAllocation(ulong offset) => _owners?.Find(offset);

    /// <summary>Moves a chunk into this VRAM (xe_svm_alloc_vram): at most two attempts, all pages or none.</summary>
    /// <param name="client">Whose memory.</param>
    /// <param name="start">Client address of the first page.</param>
    /// <param name="pages">How many.</param>
    /// <param name="timeslice">How long the CPU has to wait for the pages from then on (drm_pagemap's timeslice_ms); eviction has not.</param>
    /// <returns>0, or a negative errno; -EBUSY when the pages could not be had.</returns>
    public int Migrate(ClientMemory client, ulong start, int pages, TimeSpan timeslice = default)
    {
        ulong end = start + ((ulong)pages << PageConstants.PageShift);
        Residency residency = client.Residency.Examine(start, end, out DeviceMemoryAllocation? resident);
        if (residency == Residency.Device && resident!.Pagemap == this)
        {
            return 0;
        }

        MigrateMixed? mixed = residency == Residency.Mixed && client.CanJoin ? MigrateMixed.Current : null;
        bool isMixed = mixed?.TryCollect(client, start, end, this) == true;
        DevicePagemap? source = resident?.Pagemap;
        if (source is not null && !source.Device.TryAddReference())
        {
            // That device is about to end: its pages are on their way home.
            (source, resident) = (null, null);
        }

        s_migration.EnterReadLock();
        int result = PopulateMm(client, start, pages, resident, isMixed ? mixed : null, timeslice);
        s_migration.ExitReadLock();
        mixed?.Release();
        source?.Device.Release();
        if (result != -Errno.EBUSY)
        {
            return result;
        }

        // drm_gpusvm_range_evict: every page is faulted back to system memory, holes are filled, then one more attempt.
        s_migration.EnterWriteLock();
        result = EvictRange(client, start, pages);
        result = result < 0 ? result : PopulateMm(client, start, pages, from: null, mixed: null, timeslice);
        s_migration.ExitWriteLock();
        return result;
    }

    /// <summary>Brings a chunk back to system memory by simulated CPU faults (drm_gpusvm_range_evict).</summary>
    /// <remarks>
    /// An allocation of which pages of the range have gone already comes home as a whole: here, other than in the kernel, what is left of it
    /// would keep the range from getting another one.
    /// </remarks>
    public static int EvictRange(ClientMemory client, ulong start, int pages)
    {
        int result = client.Populate(start, pages, write: false);
        client.Settle();
        ulong end = start + ((ulong)pages << PageConstants.PageShift);
        for (int pass = 0; pass < EvictionPasses && result >= 0 && client.Residency.TryFindOverlapping(start, end, out ulong rest, out int restPages); pass++)
        {
            result = client.Restore(rest, restPages);
            client.Settle();
        }

        return result;
    }

    /// <summary>Marks an allocation as used just now.</summary>
    public void Touch(DeviceMemoryAllocation allocation) => Tile.Occupants.Touch(allocation);

    /// <summary>Sends everything home: the device goes away.</summary>
    /// <exception cref="InvalidOperationException">Something stays, which only a bug of this backend can cause; its VRAM must be kept.</exception>
    public void EvictAll()
    {
        if (!TryEvictAll())
        {
            throw new InvalidOperationException($"{AllocationCount} allocations cannot be brought home to system memory.");
        }

        // A settlement that another thread has begun may still be at work on this device.
        Device.Client.Settle();
    }

    /// <summary>Sends home what can be: the device is lost. What stays is still there, and comes home when the CPU touches it.</summary>
    public void Abandon()
    {
        // Migrations that began before the loss have ended when this is held; those after it see the loss.
        s_migration.EnterWriteLock();
        s_migration.ExitWriteLock();
        TryEvictAll();
    }

    /// <summary>Settles pages that left: no GPU mapping names them any more, statistics have them, empty allocations give their VRAM back.</summary>
    public void Settle(DeviceMemoryAllocation allocation, ClientMemory client, in DevicePagesLeft left)
    {
        // In this order: whoever looks where the pages are after the invalidation must not find them here any more, or it would map
        // them again for good.
        // The pages that left need not be neighbours, so the whole allocation is invalidated.
        (ulong start, ulong end) = (allocation.Start, allocation.Start + allocation.Size);
        if (!client.Residency.TryShrink(allocation, left))
        {
            return;
        }

        client.Notifiers.Invalidate(start, end, MmuEvent.Migrate);
        if (!left.Discarded)
        {
            _migrate.AccountMigrateToSystem(client, left);
        }

        if (left.Remaining == 0)
        {
            Release(allocation);
        }
    }

    /// <summary>Makes an allocation known before its pages become device pages: their departure may be settled at any time after that.</summary>
    /// <returns>False when another allocation has part of the range: two VMs were at it at the same time.</returns>
    internal bool Publish(DeviceMemoryAllocation allocation)
    {
        // Counted first: once others can find it, it may be settled as gone, and with that released and taken out of the count.
        if (!allocation.IsPublished)
        {
            Count(allocation);
        }

        return allocation.Client.Residency.TryAdd(allocation);
    }

    /// <summary>Counts an allocation that others can find from now on; once, also when its pages need several attempts.</summary>
    internal void Count(DeviceMemoryAllocation allocation)
    {
        Interlocked.Increment(ref _allocations);
        allocation.IsPublished = true;
    }

    /// <summary>
    /// Takes back what <see cref="Publish"/> did: the pages never became device pages, and who believed so must look again. False when the
    /// allocation has been settled, and so released, meanwhile: its client is gone.
    /// </summary>
    internal static bool Withdraw(DeviceMemoryAllocation allocation, ulong cookie, ClientMemory client, ulong start, ulong end)
    {
        if (!client.Residency.TryRemove(allocation, cookie))
        {
            return false;
        }

        client.Notifiers.Invalidate(start, end, MmuEvent.Migrate);
        return true;
    }

    /// <summary>Ends an allocation: its VRAM is free.</summary>
    internal void Release(DeviceMemoryAllocation allocation)
    {
        // Whoever finds its cookie gone expects free VRAM; and once no allocation is counted, the device may end.
        bool published = allocation.IsPublished;
        Tile.Occupants.Remove(allocation);
        _owners?.Set(allocation.VramOffset, allocation.Size, null);
        allocation.Client.RemoveDevicePages(Device, allocation.VramOffset, allocation.Size);
        Vram.Free(allocation.VramOffset);
        allocation.Retire();
        lock (_lock)
        {
            allocation.IsPublished = false;
            _pinned -= allocation.Pins;
            allocation.Pins = 0;
            _pool.Push(allocation);
        }

        if (published)
        {
            Interlocked.Decrement(ref _allocations);
        }
    }

    private bool TryEvictAll()
    {
        while (AllocationCount > 0)
        {
            if (Tile.Occupants.EvictOne(Tile, keep: null, devicePagesOnly: true))
            {
                continue;
            }

            // A settlement that another thread is at may have taken the last one out of the order of use, and not out of the count yet.
            Device.Client.Settle();
            if (AllocationCount > 0 && !Tile.Occupants.EvictOne(Tile, keep: null, devicePagesOnly: true))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>VRAM for one chunk, then the migration itself (xe_drm_pagemap_populate_mm), with the buffer object pinned but not reserved meanwhile.</summary>
    private int PopulateMm(
        ClientMemory client, ulong start, int pages, DeviceMemoryAllocation? from, MigrateMixed? mixed, TimeSpan timeslice)
    {
        if (Device.Loss.IsLost)
        {
            return -Errno.ENODEV;
        }

        ulong size = (ulong)pages << PageConstants.PageShift;
        int result = client.FindMapping(start, start, start + size, out ClientVma mapping);
        if (result < 0)
        {
            return result;
        }

        if (mapping.Start > start || mapping.End < start + size)
        {
            return -Errno.EINVAL;
        }

        if (!mapping.IsMigratable)
        {
            return -Errno.EBUSY;
        }

        if (Device.Options.Faults.Fails(FaultPoint.Vram))
        {
            return -Errno.ENOMEM;
        }

        result = CreatePinned(client, start, pages, out DeviceMemoryAllocation? created);
        if (result < 0)
        {
            return result;
        }

        DeviceMemoryAllocation allocation = created!;
        ulong cookie = allocation.Cookie;
        result = from is not null && MigrateBetweenDevices.IsPossible(from.Pagemap, this)
            ? MigrateBetweenDevices.Run(from, allocation, timeslice)
            : mixed is not null ? mixed.Run(allocation, _migrate, timeslice)
            : _migrate.Run(allocation, timeslice);
        Unpin(allocation, cookie);
        if (result < 0)
        {
            Release(allocation);
        }

        return result;
    }

    /// <summary>
    /// A buffer object that cannot be evicted until <see cref="Unpin"/> (patch 9): its reservation is not held while pages move, as making
    /// addresses may take other reservations.
    /// </summary>
    private int CreatePinned(ClientMemory client, ulong start, int pages, out DeviceMemoryAllocation? allocation)
    {
        allocation = null;
        LockChecker locks = Device.Machine.Locks;
        if (!locks.Allows(LockedOperation.AllocateVram))
        {
            return -Errno.EDEADLK;
        }

        using ValidationScope validation = ValidationScope.Enter(locks);
        DeviceMemoryAllocation made = Rent();
        using CheckedLock.Scope reservation = made.Reservation.Take();
        int result = TakeVram(client, (ulong)pages << PageConstants.PageShift, out ulong offset);
        lock (_lock)
        {
            if (result < 0)
            {
                _pool.Push(made);
                return result;
            }

            made.Assign(client, start, pages, offset);
            made.Pins = 1;
            _pinned++;
        }

        Tile.Occupants.Add(made);
        _owners?.Set(offset, made.Size, made);
        allocation = made;
        return 0;
    }

    /// <summary>The pages have moved, or have not: the buffer object may be evicted again, as the one used last.</summary>
    private void Unpin(DeviceMemoryAllocation allocation, ulong cookie)
    {
        using CheckedLock.Scope reservation = allocation.Reservation.Take();
        lock (_lock)
        {
            // The pages may have gone home already, and the record serve others.
            if (allocation.Cookie != cookie || allocation.Pins == 0)
            {
                return;
            }

            allocation.Pins = 0;
            _pinned--;
        }

        Tile.Occupants.Touch(allocation);
    }

    private int TakeVram(ClientMemory client, ulong size, out ulong offset)
    {
        int result = TakeVram(size, out offset);
        if (result == 0)
        {
            result = client.PlaceDevicePages(Device, offset, size);
            if (result < 0)
            {
                Vram.Free(offset);
            }
        }

        return result;
    }

    private int TakeVram(ulong size, out ulong offset)
    {
        while (!Vram.TryAllocate(size, out offset))
        {
            // Nothing to evict: others are busy with the rest, unless somebody has freed some meanwhile.
            if (!Tile.EvictOne(keep: null))
            {
                return Vram.TryAllocate(size, out offset) ? 0 : -Errno.ENOMEM;
            }
        }

        return 0;
    }

    private DeviceMemoryAllocation Rent()
    {
        lock (_lock)
        {
            return _pool.TryPop(out DeviceMemoryAllocation? pooled) ? pooled : new DeviceMemoryAllocation(this);
        }
    }
}
