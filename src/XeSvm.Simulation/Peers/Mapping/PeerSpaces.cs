using XeSvm.Simulation.Cost;
using XeSvm.Simulation.Dma;

namespace XeSvm.Simulation.Peers.Mapping;

/// <summary>Which space a route's addresses are in, who translates them, and to what.</summary>
internal static class PeerSpaces
{
    /// <summary>Who translates a route's addresses; null when nobody does.</summary>
    public static DmaDevice? TranslatorOf(PeerRoute route, PeerPort initiator, PeerPort target, out BusSpace space)
    {
        space = SpaceOf(route, initiator, target);
        return route switch
        {
            PeerRoute.PciePeer when initiator.Dma.Domain.Translates => initiator.Dma,
            PeerRoute.FabricVirtual => target.Fabric,
            _ => null,
        };
    }

    /// <summary>The space that a route's addresses are in.</summary>
    public static BusSpace SpaceOf(PeerRoute route, PeerPort initiator, PeerPort target) => route switch
    {
        PeerRoute.Local => new BusSpace(BusSpaceKind.Local, target.Index),
        PeerRoute.PciePeer => new BusSpace(BusSpaceKind.Dma, initiator.Index),
        PeerRoute.FabricPhysical => BusSpace.FabricPhysical,
        PeerRoute.FabricVirtual => new BusSpace(BusSpaceKind.FabricVirtual, target.Index),
        _ => default,
    };

    /// <summary>What an entry of a translated space holds for a target's memory: the BAR's address seen from PCIe, the device's own seen from its fabric.</summary>
    public static ulong PhysicalOf(PeerPort target, BusSpace space, ulong vramOffset) =>
        space.Kind == BusSpaceKind.FabricVirtual ? vramOffset : target.BarBase + vramOffset;

    /// <summary>The counters of a space's work.</summary>
    public static ref DmaWork WorkOf(BusSpace space, ref PeerWork work)
    {
        if (space.Kind == BusSpaceKind.FabricVirtual)
        {
            return ref work.Target;
        }

        return ref work.Initiator;
    }
}
