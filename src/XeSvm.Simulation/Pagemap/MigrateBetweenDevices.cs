using XeSvm.Simulation.Dma;
using XeSvm.Simulation.Driver;
using XeSvm.Simulation.Memory;
using XeSvm.Simulation.Peers;
using XeSvm.Simulation.Peers.Mapping;

namespace XeSvm.Simulation.Pagemap;

/// <summary>
/// One migration of a whole allocation from one device's VRAM into another's (the peer segment of drm_pagemap_migrate_to_devmem with patch 8): the
/// destination's pages are mapped for the source, whose copy engine writes them over the way that leads there.
/// </summary>
internal static unsafe class MigrateBetweenDevices
{
    [ThreadStatic]
    private static Arrays? t_arrays;

    /// <summary>Whether data can go straight from a device to another: their pages have one owner, and the source reaches the destination.</summary>
    public static bool IsPossible(DevicePagemap from, DevicePagemap to)
    {
        if (from.Device == to.Device)
        {
            return true;
        }

        from.Device.JoinOwners();
        to.Device.JoinOwners();
        return from.Device.Machine == to.Device.Machine && from.Device.Owner == to.Device.Owner
            && from.Device.Machine.Route(from.Device, to.Device) != PeerRoute.None;
    }

    /// <summary>Moves the pages of an allocation to one that has its VRAM. All or nothing.</summary>
    /// <param name="from">Where the pages are.</param>
    /// <param name="to">Where they go.</param>
    /// <param name="timeslice">How long the CPU has to wait for the pages from then on.</param>
    /// <returns>0; -EBUSY when pages have left or another move was first; -ENODEV when a device was lost meanwhile; the error of mapping or copying.</returns>
    public static int Run(DeviceMemoryAllocation from, DeviceMemoryAllocation to, TimeSpan timeslice)
    {
        ClientMemory client = to.Client;
        MovingAllocation moving = MovingAllocation.Of(from);
        ulong cookie = moving.Cookie;
        ulong offset = moving.VramOffset;
        if (!client.Residency.TryBeginMove(in moving, to.Start, to.Pages))
        {
            return -Errno.EBUSY;
        }

        // In this order: nobody maps the pages after the mark, and whoever had mapped them before has let go when this returns.
        client.Notifiers.Invalidate(to.Start, to.Start + to.Size, MmuEvent.Migrate);
        int result = to.Pagemap.Device.Options.Faults.Fails(FaultPoint.Isolate) ? -Errno.EBUSY
            : client.BeginRelocation(from, from.Pagemap.Device.VramBase + offset);
        if (result == 0)
        {
            result = Copy([moving], to);
            if (result == 0)
            {
                to.Pagemap.Count(to);
                result = client.EndRelocation(from, cookie, to, to.Pagemap.Device.VramBase + to.VramOffset, timeslice);
            }
        }

        if (result < 0)
        {
            client.AbortRelocation(from, cookie, to.Start);
            return result;
        }

        from.Pagemap.Release(from);
        return 0;
    }

    /// <summary>
    /// Copies one peer segment: neighbouring allocations of one device, which writes them over its way to the destination. Their destination is
    /// mapped once.
    /// </summary>
    /// <param name="sources">The allocations, by address, without gaps, all of one pagemap.</param>
    /// <param name="to">Where they go.</param>
    internal static int Copy(ReadOnlySpan<MovingAllocation> sources, DeviceMemoryAllocation to)
    {
        DevicePagemap source = sources[0].Allocation.Pagemap;
        SoftwareDevice initiator = source.Device;
        SoftwareDevice target = to.Pagemap.Device;
        PeerMappingPolicy policy = initiator.Machine.Policy;
        Arrays arrays = t_arrays ??= new Arrays();
        ulong first = to.VramOffset + (sources[0].Start - to.Start);
        int count = (int)((sources[^1].End - sources[0].Start) >> PageConstants.PageShift);
        Span<PeerPage> pages = arrays.Pages.AsSpan(0, count);
        Span<BusAddress> addresses = arrays.Addresses.AsSpan(0, count);
        for (int i = 0; i < pages.Length; i++)
        {
            pages[i] = new PeerPage(first + ((ulong)i << PageConstants.PageShift), 0, IsHole: false);
        }

        addresses.Clear();
        PeerMapping mapping = default;
        PeerWork work = default;
        int result = policy.Map(target.Port, initiator.Port, pages, DmaDirection.FromDevice, addresses, ref mapping, ref work);
        Span<BusAddress> rest = addresses;
        for (int i = 0; i < sources.Length && result == 0; i++)
        {
            result = initiator.Tiles[source.Gt.TileId].CopyEngine.CopyToPeer(sources[i].VramOffset, rest[..sources[i].Pages], ref work);
            rest = rest[sources[i].Pages..];
        }

        policy.Unmap(target.Port, initiator.Port, addresses, DmaDirection.FromDevice, ref mapping, ref work);
        if (result == 0 && (target.Loss.IsLost || initiator.Loss.IsLost))
        {
            // What a lost device has written, or holds, is not to be relied on: the pages stay where they were, and come home from there.
            result = -Errno.ENODEV;
        }

        initiator.Machine.Counters.AddMigration(initiator.Machine.Route(initiator, target), result == 0, in work);
        return result;
    }

    private sealed class Arrays
    {
        public readonly PeerPage[] Pages = new PeerPage[PageConstants.BlockPages];
        public readonly BusAddress[] Addresses = new BusAddress[PageConstants.BlockPages];
    }
}
