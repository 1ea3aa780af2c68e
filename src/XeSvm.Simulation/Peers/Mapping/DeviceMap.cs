using XeSvm.Simulation.Dma;

namespace XeSvm.Simulation.Peers.Mapping;

/// <summary>device_map and device_unmap: one folio of a target's memory for an initiator.</summary>
internal static class DeviceMap
{
    /// <summary>Maps a folio.</summary>
    /// <returns>0 and the address; -ENOLINK without a route; -ENOMEM; -EIO when the initiator cannot reach the BAR without translation.</returns>
    public static int Map(
        PeerTopology topology, PeerPort target, PeerPort initiator, in PeerPage page, DmaDirection direction, ref PeerWork work, out BusAddress address)
    {
        address = default;
        PeerRoute route = topology.Link(initiator.Index, target.Index).Route;
        if (route == PeerRoute.None)
        {
            return -Errno.ENOLINK;
        }

        DmaDevice? translator = PeerSpaces.TranslatorOf(route, initiator, target, out BusSpace space);
        ulong value = page.Offset;
        int result = 0;
        if (route == PeerRoute.FabricPhysical)
        {
            value = target.FabricBase + page.Offset;
        }
        else if (route != PeerRoute.Local)
        {
            ulong physical = PeerSpaces.PhysicalOf(target, space, page.Offset);
            result = (translator ?? initiator.Dma).MapResource(physical, page.Bytes, direction, ref PeerSpaces.WorkOf(space, ref work), out value);
        }

        if (result < 0)
        {
            return result;
        }

        work.Mmio += translator is null ? 0UL : 1UL;
        work.Direct += translator is null ? 1UL : 0UL;
        address = new BusAddress(space, value, page.Order, direction, route);
        return 0;
    }

    /// <summary>Unmaps a folio.</summary>
    public static void Unmap(PeerPort target, PeerPort initiator, in BusAddress address, ref PeerWork work)
    {
        if (address.Route is PeerRoute.PciePeer or PeerRoute.FabricVirtual)
        {
            DmaDevice translator = address.Route == PeerRoute.PciePeer ? initiator.Dma : target.Fabric;
            ulong bytes = Iommu.IoEntry.PageSize << address.Order;
            translator.UnmapResource(address.Value, bytes, address.Direction, ref PeerSpaces.WorkOf(address.Space, ref work));
        }
    }
}
