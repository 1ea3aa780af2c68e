using XeSvm.Simulation.Memory;
using XeSvm.Simulation.Svm;

namespace XeSvm.Simulation.Pagemap;

/// <summary>
/// One migration of pages that lie in several places (drm_pagemap_migrate_to_devmem and its segments): runs of system pages and holes are
/// copied by the destination's engine, runs of one peer's pages by that peer's, each mapped, copied and unmapped before the next begins. All
/// or nothing. Allocations of peers take part as a whole: of one that reaches beyond the chunk, all goes by way of system memory.
/// </summary>
internal sealed unsafe class MigrateMixed
{
    [ThreadStatic]
    private static MigrateMixed? t_current;

    private readonly List<DeviceMemoryAllocation> _found = [];
    private readonly MigrationParts _parts = new();
    private int _moving;

    /// <summary>This thread's.</summary>
    public static MigrateMixed Current => t_current ??= new MigrateMixed();

    /// <summary>
    /// Finds the allocations of a chunk, and keeps their devices until <see cref="Release"/>. False when one cannot go straight to a VRAM: it
    /// is there already, is not whole, or has no way.
    /// </summary>
    public bool TryCollect(ClientMemory client, ulong start, ulong end, DevicePagemap destination)
    {
        _found.Clear();
        client.Residency.Collect(start, end, _found);
        _found.Sort(static (one, other) => one.Start.CompareTo(other.Start));
        bool all = _found.Count > 0;
        foreach (DeviceMemoryAllocation allocation in _found)
        {
            MovingAllocation moving = MovingAllocation.Of(allocation);
            if (allocation.Pagemap == destination || moving.Start < start || moving.End > end || allocation.RemainingPages != moving.Pages
                || !MigrateBetweenDevices.IsPossible(allocation.Pagemap, destination) || !allocation.Pagemap.Device.TryAddReference())
            {
                all = false;
                break;
            }

            if (!_parts.TryAdd(in moving))
            {
                allocation.Pagemap.Device.Release();
                all = false;
                break;
            }
        }

        _found.Clear();
        return all;
    }

    /// <summary>Lets the devices go that <see cref="TryCollect"/> has kept.</summary>
    public void Release()
    {
        foreach (ref readonly MovingAllocation moving in _parts.Allocations)
        {
            moving.Allocation.Pagemap.Device.Release();
        }

        _parts.Clear();
    }

    /// <summary>Moves what <see cref="TryCollect"/> has found, and the system pages between, into an allocation that has its VRAM.</summary>
    /// <param name="to">Where they go.</param>
    /// <param name="migrate">Copies system pages there.</param>
    /// <param name="timeslice">How long the CPU has to wait for the pages from then on.</param>
    /// <returns>0; -EBUSY when pages have left or another move was first; -ENODEV when a device was lost meanwhile; the error of mapping or copying.</returns>
    public int Run(DeviceMemoryAllocation to, MigrateToDevice migrate, TimeSpan timeslice)
    {
        _moving = 0;
        int result = BeginMoves(to);
        result = result < 0 ? result : Isolate(to, timeslice == TimeSpan.Zero ? TimeSpan.Zero : MigrateToDevice.FirstHold);
        result = result < 0 ? result : Copy(to, migrate);
        if (result == 0)
        {
            to.Pagemap.Count(to);
            result = to.Client.Join(_parts, to, to.Pagemap.Device.VramBase + to.VramOffset, timeslice);
        }

        if (result < 0)
        {
            Abort(to.Client);
            return result;
        }

        foreach (ref readonly MovingAllocation moving in _parts.Allocations)
        {
            moving.Allocation.Pagemap.Release(moving.Allocation);
        }

        return 0;
    }

    /// <summary>From here on no device maps the pages, and whoever had mapped them has let go.</summary>
    private int BeginMoves(DeviceMemoryAllocation to)
    {
        ClientMemory client = to.Client;
        foreach (ref readonly MovingAllocation moving in _parts.Allocations)
        {
            if (!client.Residency.TryBeginMove(in moving, moving.Start, moving.Pages))
            {
                return -Errno.EBUSY;
            }

            _moving++;
        }

        client.Notifiers.Invalidate(to.Start, to.Start + to.Size, MmuEvent.Migrate);
        if (to.Pagemap.Device.Options.Faults.Fails(FaultPoint.Isolate))
        {
            return -Errno.EBUSY;
        }

        foreach (ref readonly MovingAllocation moving in _parts.Allocations)
        {
            int result = client.BeginRelocation(moving.Allocation, moving.Allocation.Pagemap.Device.VramBase + moving.VramOffset);
            if (result < 0)
            {
                return result;
            }
        }

        return 0;
    }

    /// <summary>Takes the pages between the allocations out of the CPU's page table.</summary>
    private int Isolate(DeviceMemoryAllocation to, TimeSpan hold)
    {
        ClientMemory client = to.Client;
        ulong at = to.Start;
        foreach (ref readonly MovingAllocation moving in _parts.Allocations)
        {
            int result = IsolateBetween(client, at, moving.Start, hold);
            if (result < 0)
            {
                return result;
            }

            at = moving.End;
        }

        int last = IsolateBetween(client, at, to.Start + to.Size, hold);
        if (last < 0)
        {
            return last;
        }

        // Between the invalidation and the isolation another VM may have mapped the pages again; and what left these pages before must be off
        // the books before they get a new entry there.
        client.Settle();
        client.Notifiers.Invalidate(to.Start, to.Start + to.Size, MmuEvent.Migrate);
        return 0;
    }

    private int IsolateBetween(ClientMemory client, ulong start, ulong end, TimeSpan hold)
    {
        if (start == end)
        {
            return 0;
        }

        int result = client.Isolate(start, (int)((end - start) >> PageConstants.PageShift), hold, out PageIsolation isolation);
        if (result == 0)
        {
            _parts.Add(in isolation);
        }

        return result == -Errno.EEXIST ? -Errno.EBUSY : result;
    }

    /// <summary>Segment by segment, by address.</summary>
    private int Copy(DeviceMemoryAllocation to, MigrateToDevice migrate)
    {
        ReadOnlySpan<PageIsolation> isolations = _parts.Isolations;
        ReadOnlySpan<MovingAllocation> allocations = _parts.Allocations;
        int result = 0;
        while (result == 0 && (isolations.Length > 0 || allocations.Length > 0))
        {
            if (allocations.Length == 0 || (isolations.Length > 0 && isolations[0].Address < allocations[0].Start))
            {
                result = migrate.CopyIsolated(to, in isolations[0]);
                isolations = isolations[1..];
                continue;
            }

            int run = 1;
            while (run < allocations.Length && allocations[run].Start == allocations[run - 1].End
                && allocations[run].Allocation.Pagemap == allocations[0].Allocation.Pagemap)
            {
                run++;
            }

            result = MigrateBetweenDevices.Copy(allocations[..run], to);
            allocations = allocations[run..];
        }

        return result;
    }

    private void Abort(ClientMemory client)
    {
        foreach (ref readonly PageIsolation isolation in _parts.Isolations)
        {
            client.Abort(in isolation);
        }

        foreach (ref readonly MovingAllocation moving in _parts.Allocations[.._moving])
        {
            client.AbortRelocation(moving.Allocation, moving.Cookie, moving.Start);
        }
    }
}
