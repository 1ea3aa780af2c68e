using XeSvm.Simulation.Dma;
using XeSvm.Simulation.Iommu;
using XeSvm.Simulation.Peers.Mapping;

namespace XeSvm.Simulation.Peers.Machine;

/// <summary>Maps, copies, unmaps: range by range of at most 2 MiB. The engine reaches everything but its own VRAM through the bus.</summary>
internal sealed class PeerCopier(PeerMachine machine, PeerMappingPolicy policy, MappingStrategy systemStrategy)
{
    /// <summary>The source's engine writes a buffer into another.</summary>
    public int BetweenDevices(PeerBuffer source, PeerBuffer destination, ref PeerWork work)
    {
        int result = 0;
        for (ulong done = 0; done < source.Size && result == 0; done += PeerScratch.Pages * IoEntry.PageSize)
        {
            result = RangeBetweenDevices(source, destination, done, CountPages(source.Size - done), ref work);
        }

        return result;
    }

    /// <summary>A device's engine reads system memory into a buffer.</summary>
    public int FromSystem(PeerAllocation source, PeerBuffer destination, ref PeerWork work) =>
        WithSystem(destination, source.Physical, DmaDirection.ToDevice, ref work);

    /// <summary>A device's engine writes a buffer into system memory.</summary>
    public int ToSystem(PeerBuffer source, ulong physical, ref PeerWork work) =>
        WithSystem(source, physical, DmaDirection.FromDevice, ref work);

    private static int CountPages(ulong bytes) => (int)Math.Min(bytes / IoEntry.PageSize, PeerScratch.Pages);

    private int RangeBetweenDevices(PeerBuffer source, PeerBuffer destination, ulong done, int count, ref PeerWork work)
    {
        PeerScratch scratch = PeerScratch.Current;
        Span<PeerPage> pages = scratch.Peer.AsSpan(0, count);
        Span<BusAddress> addresses = scratch.Addresses.AsSpan(0, count);
        for (int i = 0; i < count; i++)
        {
            pages[i] = new PeerPage(destination.Offset + done + ((ulong)i << IoEntry.PageShift), 0, IsHole: false);
        }

        addresses.Clear();
        PeerMapping mapping = default;
        int result = policy.Map(destination.Device, source.Device, pages, DmaDirection.FromDevice, addresses, ref mapping, ref work);
        if (result == 0)
        {
            result = Copy(source.Device, source.Offset + done, addresses, toBus: true, ref work);
        }

        policy.Unmap(destination.Device, source.Device, addresses, DmaDirection.FromDevice, ref mapping, ref work);
        return result;
    }

    private int WithSystem(PeerBuffer buffer, ulong physical, DmaDirection direction, ref PeerWork work)
    {
        int result = 0;
        for (ulong done = 0; done < buffer.Size && result == 0; done += PeerScratch.Pages * IoEntry.PageSize)
        {
            result = RangeWithSystem(buffer, physical, done, CountPages(buffer.Size - done), direction, ref work);
        }

        return result;
    }

    private int RangeWithSystem(PeerBuffer buffer, ulong physical, ulong done, int count, DmaDirection direction, ref PeerWork work)
    {
        PeerScratch scratch = PeerScratch.Current;
        Span<MigratePage> pages = scratch.System.AsSpan(0, count);
        Span<DeviceAddress> mapped = scratch.SystemAddresses.AsSpan(0, count);
        Span<BusAddress> addresses = scratch.Addresses.AsSpan(0, count);
        for (int i = 0; i < count; i++)
        {
            pages[i] = new MigratePage { Kind = MigratePageKind.System, Physical = physical + done + ((ulong)i << IoEntry.PageShift) };
        }

        mapped.Clear();
        DmaMapping mapping = default;
        DmaDevice dma = buffer.Device.Dma;
        int result = systemStrategy.MapMigrate(dma, pages, direction, mapped, ref mapping, ref work.Initiator);
        if (result == 0)
        {
            for (int i = 0; i < count; i++)
            {
                addresses[i] = new BusAddress(new BusSpace(BusSpaceKind.Dma, buffer.Device.Index), mapped[i].Value, 0, direction, PeerRoute.None);
            }

            result = Copy(buffer.Device, buffer.Offset + done, addresses, toBus: direction == DmaDirection.FromDevice, ref work);
        }

        systemStrategy.UnmapMigrate(dma, pages, mapped, direction, ref mapping, ref work.Initiator);
        return result;
    }

    /// <summary>The engine of a device copies between its VRAM and the bus.</summary>
    private unsafe int Copy(PeerDevice engine, ulong offset, ReadOnlySpan<BusAddress> addresses, bool toBus, ref PeerWork work)
    {
        for (int i = 0; i < addresses.Length; i++)
        {
            int result = machine.Bus.Resolve(engine, in addresses[i], 0, write: toBus, out byte* there);
            byte* here = engine.Pointer(offset + ((ulong)i << IoEntry.PageShift));
            if (result < 0 || here is null)
            {
                return result < 0 ? result : -Errno.EFAULT;
            }

            Buffer.MemoryCopy(toBus ? here : there, toBus ? there : here, IoEntry.PageSize, IoEntry.PageSize);
            work.Bytes[(int)addresses[i].Route] += IoEntry.PageSize;
        }

        return 0;
    }
}
