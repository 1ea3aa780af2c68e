using XeSvm.Simulation.Dma;
using XeSvm.Simulation.Peers.Locks;

namespace XeSvm.Simulation.Peers.Mapping;

/// <summary>
/// The driver's implementation over the DMA-mapping API (patch 10). Over PCIe the addresses are in the initiator's space and lead to the
/// target's BAR; without translation, on the device itself, and over a fabric with physical addresses none are needed. A translated fabric
/// has its addresses in the target's space, and there is no other way: there a failure is an error and no reason to go page by page.
/// </summary>
internal sealed class DevicePagemapIova(PeerTopology topology, LockChecker locks) : PagemapIova(locks)
{
    private protected override int Reserve(
        PeerPort target, PeerPort initiator, ulong length, DmaDirection direction, ref PeerWork work, ref PeerCookie cookie)
    {
        PeerRoute route = topology.Link(initiator.Index, target.Index).Route;
        if (PeerSpaces.TranslatorOf(route, initiator, target, out BusSpace space) is not { } translator)
        {
            return 0;
        }

        PeerCookie reserved = new() { Translator = translator, Space = space, Route = route };
        if (translator.TryAllocIova(ref reserved.Iova, physical: 0, length, ref PeerSpaces.WorkOf(space, ref work)))
        {
            cookie = reserved;
            return 0;
        }

        return route == PeerRoute.FabricVirtual ? -Errno.ENOMEM : 0;
    }
}
