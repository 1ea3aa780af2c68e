using XeSvm.Simulation.Iommu;

namespace XeSvm.Simulation.Peers;

/// <summary>One slot of an array of device pages: a folio of the target's VRAM, or a hole.</summary>
/// <param name="Offset">Where in the target's VRAM.</param>
/// <param name="Order">The folio has 2^Order pages of 4 KiB.</param>
/// <param name="IsHole">Nothing takes part here.</param>
internal readonly record struct PeerPage(ulong Offset, byte Order, bool IsHole)
{
    /// <summary>Bytes of the folio.</summary>
    public ulong Bytes => IoEntry.PageSize << Order;
}
