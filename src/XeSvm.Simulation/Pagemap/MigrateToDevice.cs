using XeSvm.Simulation.Cost;
using XeSvm.Simulation.Dma;
using XeSvm.Simulation.Driver;
using XeSvm.Simulation.Gpu;
using XeSvm.Simulation.Memory;
using XeSvm.Simulation.Svm;

namespace XeSvm.Simulation.Pagemap;

/// <summary>
/// One migration of system pages into VRAM (drm_pagemap_migrate_to_devmem): collect, map for DMA, copy, unmap, finalise. And the
/// accounts of the way back, whose copy native code has made.
/// </summary>
internal sealed unsafe class MigrateToDevice(DevicePagemap pagemap)
{
    /// <summary>For how long a CPU touch waits for pages that move for an access that must have them in VRAM, the first time.</summary>
    internal static TimeSpan FirstHold => s_firstHold;

    private static readonly TimeSpan s_firstHold = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan s_lastHold = TimeSpan.FromMilliseconds(80);

    [ThreadStatic]
    private static MigrateArrays? t_toDevice;

    [ThreadStatic]
    private static MigrateArrays? t_toSystem;

    /// <summary>Moves the pages of an allocation that has its VRAM, to stay for a time at least. All or nothing.</summary>
    /// <remarks>
    /// In the kernel a CPU touch waits at the migration entry until the pages have moved. Here it cannot: what moves them is managed code,
    /// which a garbage collection may have stopped, and that waits for the thread that touches. So when an access has to have the pages in
    /// VRAM the CPU waits for a limited time, and for twice as long after each time that it got them back all the same.
    /// </remarks>
    public int Run(DeviceMemoryAllocation allocation, TimeSpan timeslice)
    {
        if (timeslice == TimeSpan.Zero)
        {
            return RunOnce(allocation, timeslice, hold: TimeSpan.Zero, out _);
        }

        TimeSpan hold = s_firstHold;
        int result = RunOnce(allocation, timeslice, hold, out bool takenBack);
        while (takenBack && hold < s_lastHold)
        {
            hold *= 2;
            result = RunOnce(allocation, timeslice, hold, out takenBack);
        }

        return result;
    }

    private int RunOnce(DeviceMemoryAllocation allocation, TimeSpan timeslice, TimeSpan hold, out bool takenBack)
    {
        takenBack = false;
        ClientMemory client = allocation.Client;
        (ulong start, ulong end) = (allocation.Start, allocation.Start + allocation.Size);

        // migrate_vma_setup: the MMU notifiers run before the pages are taken, so no device uses the old place from here on.
        client.Notifiers.Invalidate(start, end, MmuEvent.Migrate);
        if (pagemap.Device.Options.Faults.Fails(FaultPoint.Isolate))
        {
            return -Errno.EBUSY;
        }

        int result = client.Isolate(start, allocation.Pages, hold, out PageIsolation isolation);
        if (result < 0)
        {
            // A device page among them: the caller brings the range home and tries again, as for any other page that is not to be had.
            return result == -Errno.EEXIST ? -Errno.EBUSY : result;
        }

        // Between the first invalidation and the isolation another VM may have mapped the pages again; and what left these pages before
        // must be off the books before they get a new entry there.
        client.Settle();
        client.Notifiers.Invalidate(start, end, MmuEvent.Migrate);
        result = CopyIsolated(allocation, isolation);

        // Once others can find the allocation its pages may leave, even before this thread goes on, and its record serve others.
        ulong cookie = allocation.Cookie;
        byte* vram = pagemap.Device.VramBase + allocation.VramOffset;
        if (result == 0 && !pagemap.Publish(allocation))
        {
            result = -Errno.EBUSY;
        }

        if (result < 0)
        {
            int aborted = client.Abort(isolation);
            return aborted < 0 ? aborted : result;
        }

        result = client.Commit(isolation, vram, cookie, timeslice);
        if (result >= 0)
        {
            return 0;
        }

        takenBack = result == -Errno.EBUSY;
        if (!takenBack)
        {
            // Only "taken back" closes the isolation; any other error leaves it open.
            client.Abort(isolation);
        }

        if (!DevicePagemap.Withdraw(allocation, cookie, client, start, end))
        {
            // Its pages have been settled as gone, and it has been released: no failure, they just did not stay.
            takenBack = false;
            return 0;
        }

        return result;
    }

    /// <summary>
    /// Pages went home and native code has copied them. What the kernel would have done around that copy is done now for its counts
    /// and statistics: system pages mapped for DMA from the device, and unmapped.
    /// </summary>
    public void AccountMigrateToSystem(ClientMemory client, in DevicePagesLeft left)
    {
        SoftwareDevice device = pagemap.Device;
        MigrateArrays arrays = t_toSystem ??= new MigrateArrays();
        Span<MigratePage> pages = arrays.Pages.AsSpan(0, left.Pages);
        Span<DeviceAddress> addresses = arrays.Addresses.AsSpan(0, left.Pages);
        addresses.Clear();
        PageFrameBlock block = device.Frames.Block(client, left.Address);

        // Pages that left one by one are told of together, by the first of them and their number.
        int first = Math.Min(PageIndex(left.Address), PageConstants.BlockPages - left.Pages);
        using (PageFrameBlock.Changes frames = block.Change())
        {
            for (int i = 0; i < pages.Length; i++)
            {
                pages[i] = new MigratePage { Physical = frames.Acquire(first + i), Kind = MigratePageKind.System };
            }
        }

        DmaWork work = default;
        DmaMapping mapping = default;

        // A failure is in the counters as an error; the data is home all the same.
        device.Strategy.MapMigrate(device.Dma, pages, DmaDirection.FromDevice, addresses, ref mapping, ref work);
        device.Strategy.UnmapMigrate(device.Dma, pages, addresses, DmaDirection.FromDevice, ref mapping, ref work);
        using (PageFrameBlock.Changes frames = block.Change())
        {
            for (int i = 0; i < pages.Length; i++)
            {
                frames.Release(first + i);
            }
        }

        work.BytesCopied += (ulong)left.Pages << PageConstants.PageShift;
        device.Counters.Add(DmaPurpose.MigrateToSystem, work);
        pagemap.Gt.Statistics.AddCopyTime(CopyDirection.ToSystem, left.Pages, TimeSpan.FromTicks((long)left.CopyNanoseconds / 100));
        pagemap.Gt.Statistics.AddCopyJob(CopyDirection.ToSystem, (ulong)left.Pages << PageConstants.PageShift);
    }

    /// <summary>Copies isolated pages, all of an allocation's or some, to their place in its VRAM.</summary>
    internal int CopyIsolated(DeviceMemoryAllocation allocation, in PageIsolation isolation)
    {
        SoftwareDevice device = pagemap.Device;
        MigrateArrays arrays = t_toDevice ??= new MigrateArrays();
        Span<MigratePage> pages = arrays.Pages.AsSpan(0, isolation.Pages);
        Span<DeviceAddress> addresses = arrays.Addresses.AsSpan(0, isolation.Pages);
        addresses.Clear();
        PageFrameBlock block = device.Frames.Block(allocation.Client, isolation.Address);
        int first = PageIndex(isolation.Address);
        Collect(block, first, isolation, pages);
        ulong vramOffset = allocation.VramOffset + (isolation.Address - allocation.Start);

        DmaWork work = default;
        int result = 0;
        for (int at = 0; at < pages.Length && result == 0;)
        {
            MigrateSegment segment = MigrateSegment.At(pages, at);
            result = MigrateOne(vramOffset, segment, pages, addresses, ref work);
            at = segment.End;
        }

        Release(block, first, pages);
        device.Counters.Add(DmaPurpose.MigrateToDevice, work);
        return result;
    }

    private int MigrateOne(
        ulong vramOffset, in MigrateSegment segment, Span<MigratePage> pages, Span<DeviceAddress> addresses, ref DmaWork work)
    {
        SoftwareDevice device = pagemap.Device;
        vramOffset += (ulong)segment.First << PageConstants.PageShift;
        if (segment.IsDevice)
        {
            // Isolated pages are never a peer's: those are no part of an isolation.
            return -Errno.EBUSY;
        }

        if (!segment.HasContent(pages))
        {
            // Nothing but holes: no mapping, no copy, the buffer object's cleared content is the memory's content.
            device.Tiles[pagemap.Gt.TileId].CopyEngine.Clear(vramOffset, (ulong)segment.Count << PageConstants.PageShift);
            return 0;
        }

        pages = pages.Slice(segment.First, segment.Count);
        addresses = addresses.Slice(segment.First, segment.Count);
        DmaMapping mapping = default;
        int result = device.Strategy.MapMigrate(device.Dma, pages, DmaDirection.ToDevice, addresses, ref mapping, ref work);
        if (result == 0)
        {
            result = device.Tiles[pagemap.Gt.TileId].CopyEngine.CopyToDevice(addresses, vramOffset, ref work);
        }

        device.Strategy.UnmapMigrate(device.Dma, pages, addresses, DmaDirection.ToDevice, ref mapping, ref work);
        return result;
    }

    private static void Collect(PageFrameBlock block, int first, in PageIsolation isolation, Span<MigratePage> pages)
    {
        bool complete = pages.Length == PageConstants.BlockPages;
        using PageFrameBlock.Changes frames = block.Change();
        for (int i = 0; i < pages.Length; i++)
        {
            if (!isolation.IsPresent(i))
            {
                pages[i] = new MigratePage { Kind = MigratePageKind.Hole };
                complete = false;
                continue;
            }

            pages[i] = new MigratePage { Physical = frames.Acquire(first + i), Kind = MigratePageKind.System };
            frames.SetHost(first + i, isolation.Staging + ((nuint)i << PageConstants.PageShift));
        }

        // Only a whole block that is one folio travels as one: collection splits every other large folio (migrate_device.c).
        if (complete && block.Order(0) == BlockOrder)
        {
            pages[0].Order = BlockOrder;
            for (int i = 1; i < pages.Length; i++)
            {
                pages[i].Kind = MigratePageKind.Tail;
            }
        }
    }

    /// <summary>Ends what <see cref="Collect"/> began: the staged content is no longer to be found by physical address.</summary>
    private static void Release(PageFrameBlock block, int first, ReadOnlySpan<MigratePage> pages)
    {
        using PageFrameBlock.Changes frames = block.Change();
        for (int i = 0; i < pages.Length; i++)
        {
            if (pages[i].Kind != MigratePageKind.Hole)
            {
                frames.SetHost(first + i, null);
                frames.Release(first + i);
            }
        }
    }

    private const byte BlockOrder = 9;

    private static int PageIndex(ulong address) => (int)((address & PageConstants.BlockMask) >> PageConstants.PageShift);

    private sealed class MigrateArrays
    {
        public readonly MigratePage[] Pages = new MigratePage[PageConstants.BlockPages];
        public readonly DeviceAddress[] Addresses = new DeviceAddress[PageConstants.BlockPages];
    }
}
