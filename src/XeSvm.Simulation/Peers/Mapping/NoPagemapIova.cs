using XeSvm.Simulation.Dma;
using XeSvm.Simulation.Peers.Locks;

namespace XeSvm.Simulation.Peers.Mapping;

/// <summary>A driver that has the interface but no addresses to give (patch 7): every caller keeps to device_map.</summary>
internal sealed class NoPagemapIova(LockChecker locks) : PagemapIova(locks)
{
    private protected override int Reserve(
        PeerPort target, PeerPort initiator, ulong length, DmaDirection direction, ref PeerWork work, ref PeerCookie cookie) => 0;
}
