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

    private readonly Lock _lock = new();
    private readonly LinkedList<DeviceMemoryAllocation> _leastRecentlyUsed = new();
    private readonly Stack<DeviceMemoryAllocation> _pool = new();
    private readonly MigrateToDevice _migrate;
    private readonly VramOwners? _owners;

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
    public int AllocationCount
    {
        get
        {
            lock (_lock)
            {
                return _leastRecentlyUsed.Count;
            }
        }
    }

    /// <summary>How many allocations are pinned.</summary>
    public int PinnedCount
    {
        get
        {
            lock (_lock)
            {
                return _leastRecentlyUsed.Count(allocation => allocation.Pins != 0);
            }
        }
    }

    /// <summary>The allocation that has a byte of this VRAM, or null. For accesses from other devices.</summary>
    public DeviceMemoryAllocation? FindAllocation(ulong offset) => _owners?.Find(offset);

    /// <summary>Moves a chunk into this VRAM (xe_svm_alloc_vram): at most two attempts, all pages or none.</summary>
    /// <returns>0, or a negative errno; -EBUSY when the pages could not be had.</returns>
    public int Migrate(ClientMemory client, ulong start, int pages)
    {
        ulong end = start + ((ulong)pages << PageConstants.PageShift);
        if (client.Residency.Examine(start, end, out DeviceMemoryAllocation? resident) == Residency.Device && resident!.Pagemap == this)
        {
            return 0;
        }

        DevicePagemap? source = resident?.Pagemap;
        if (source is not null && !source.Device.TryAddReference())
        {
            // That device is about to end: its pages are on their way home.
            (source, resident) = (null, null);
        }

        s_migration.EnterReadLock();
        int result = PopulateMm(client, start, pages, resident);
        s_migration.ExitReadLock();
        source?.Device.Release();
        if (result != -Errno.EBUSY)
        {
            return result;
        }

        // drm_gpusvm_range_evict: every page is faulted back to system memory, holes are filled, then one more attempt.
        s_migration.EnterWriteLock();
        result = EvictRange(client, start, pages);
        result = result < 0 ? result : PopulateMm(client, start, pages, from: null);
        s_migration.ExitWriteLock();
        return result;
    }

    /// <summary>Brings a chunk back to system memory by simulated CPU faults (drm_gpusvm_range_evict).</summary>
    public static int EvictRange(ClientMemory client, ulong start, int pages)
    {
        int result = client.Populate(start, pages, write: false);
        client.Settle();
        return result;
    }

    /// <summary>Marks an allocation as used just now.</summary>
    public void Touch(DeviceMemoryAllocation allocation)
    {
        lock (_lock)
        {
            if (allocation.Node?.List is not null)
            {
                _leastRecentlyUsed.Remove(allocation.Node);
                _leastRecentlyUsed.AddLast(allocation.Node);
            }
        }
    }

    /// <summary>Sends the least recently used allocation home; false when nothing could be evicted.</summary>
    public bool EvictOne()
    {
        int tries = AllocationCount;
        for (int i = 0; i < tries; i++)
        {
            ClientMemory client;
            ulong start;
            ulong cookie;
            int pages;
            lock (_lock)
            {
                if (_leastRecentlyUsed.First is not { } node)
                {
                    return false;
                }

                DeviceMemoryAllocation victim = node.Value;
                (client, start, pages, cookie) = (victim.Client, victim.Start, victim.Pages, victim.Cookie);
                _leastRecentlyUsed.Remove(node);
                _leastRecentlyUsed.AddLast(node);
                if (victim.Pins != 0)
                {
                    Device.Machine.Counters.AddRefusedEviction();
                    continue;
                }
            }

            // The record may serve another chunk by now: the cookie tells whether this one is gone.
            if (client.Restore(start, pages) >= 0)
            {
                client.Settle();
                if (client.Owners.Find(cookie) is null)
                {
                    return true;
                }
            }
        }

        return false;
    }

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
    public void Settle(DeviceMemoryAllocation allocation, in DevicePagesLeft left)
    {
        // In this order: whoever looks where the pages are after the invalidation must not find them here any more, or it would map
        // them again for good.
        // The pages that left need not be neighbours, so the whole allocation is invalidated.
        allocation.Client.Residency.Shrink(allocation, left.Remaining);
        allocation.Client.Notifiers.Invalidate(allocation.Start, allocation.Start + allocation.Size, MmuEvent.Migrate);
        if (!left.Discarded)
        {
            _migrate.AccountMigrateToSystem(allocation.Client, left);
        }

        if (left.Remaining == 0)
        {
            Release(allocation);
        }
    }

    /// <summary>Makes an allocation known before its pages become device pages: their departure may be settled at any time after that.</summary>
    /// <returns>False when another allocation has part of the range: two VMs were at it at the same time.</returns>
    internal static bool Publish(DeviceMemoryAllocation allocation) => allocation.Client.Residency.TryAdd(allocation);

    /// <summary>Takes back what <see cref="Publish"/> did: the pages never became device pages, and who believed so must look again.</summary>
    internal static void Withdraw(DeviceMemoryAllocation allocation)
    {
        allocation.Client.Residency.Remove(allocation);
        allocation.Client.Notifiers.Invalidate(allocation.Start, allocation.Start + allocation.Size, MmuEvent.Migrate);
    }

    /// <summary>Ends an allocation: its VRAM is free.</summary>
    internal void Release(DeviceMemoryAllocation allocation)
    {
        // The VRAM goes back first: once the record is off the list, the device may end.
        allocation.Retire();
        _owners?.Set(allocation.VramOffset, allocation.Size, null);
        Vram.Free(allocation.VramOffset);
        lock (_lock)
        {
            if (allocation.Node?.List is not null)
            {
                _leastRecentlyUsed.Remove(allocation.Node);
            }

            allocation.Pins = 0;
            _pool.Push(allocation);
        }
    }

    private bool TryEvictAll()
    {
        while (AllocationCount > 0)
        {
            if (!EvictOne() && AllocationCount > 0)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>VRAM for one chunk, then the migration itself (xe_drm_pagemap_populate_mm), with the buffer object pinned but not reserved meanwhile.</summary>
    private int PopulateMm(ClientMemory client, ulong start, int pages, DeviceMemoryAllocation? from)
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
            ? MigrateBetweenDevices.Run(from, allocation)
            : _migrate.Run(allocation);
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
        int result = TakeVram((ulong)pages << PageConstants.PageShift, out ulong offset);
        lock (_lock)
        {
            if (result < 0)
            {
                _pool.Push(made);
                return result;
            }

            made.Assign(client, start, pages, offset);
            made.Pins = 1;
            made.Node ??= new LinkedListNode<DeviceMemoryAllocation>(made);
            _leastRecentlyUsed.AddLast(made.Node);
        }

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
            if (allocation.Node?.List is not null)
            {
                _leastRecentlyUsed.Remove(allocation.Node);
                _leastRecentlyUsed.AddLast(allocation.Node);
            }
        }
    }

    private int TakeVram(ulong size, out ulong offset)
    {
        while (!Vram.TryAllocate(size, out offset))
        {
            // Nothing to evict: buffer objects hold the rest, unless somebody has freed some meanwhile.
            if (!EvictOne())
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
