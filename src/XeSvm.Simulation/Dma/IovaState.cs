using XeSvm.Simulation.Iommu;

namespace XeSvm.Simulation.Dma;

/// <summary>An IOVA reservation in its owner's hands (struct dma_iova_state). All zeros: none.</summary>
internal struct IovaState
{
    /// <summary>First I/O virtual address.</summary>
    public ulong Address;

    /// <summary>Bytes reserved.</summary>
    public ulong Size;

    internal IovaReservation? Reservation;
    internal uint Generation;

    /// <summary>Whether there is a reservation (dma_use_iova).</summary>
    public readonly bool IsLive => Size != 0;
}
