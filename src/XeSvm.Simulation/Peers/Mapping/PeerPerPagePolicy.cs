using XeSvm.Simulation.Dma;

namespace XeSvm.Simulation.Peers.Mapping;

/// <summary>As Linux 7.3 does: device_map and device_unmap for each folio.</summary>
internal sealed class PeerPerPagePolicy(PeerTopology topology) : PeerMappingPolicy
{
    /// <inheritdoc/>
    public override string Name => "per-page";

    /// <inheritdoc/>
    public override int Map(
        PeerPort target,
        PeerPort initiator,
        ReadOnlySpan<PeerPage> pages,
        DmaDirection direction,
        Span<BusAddress> addresses,
        ref PeerMapping mapping,
        ref PeerWork work) => MapEach(topology, target, initiator, pages, direction, addresses, ref mapping, ref work);

    /// <inheritdoc/>
    public override void Unmap(
        PeerPort target, PeerPort initiator, Span<BusAddress> addresses, DmaDirection direction, ref PeerMapping mapping, ref PeerWork work)
    {
        if (mapping.Mapped)
        {
            UnmapEach(target, initiator, addresses, ref mapping, ref work);
        }
    }
}
