namespace XeSvm.Simulation.Dma;

/// <summary>What a strategy holds for one mapped page array; all zeros before the first map and after an unmap.</summary>
internal struct DmaMapping
{
    /// <summary>The reservation that the pages are linked in, if any.</summary>
    public IovaState Iova;

    /// <summary>Packing cursor: bytes of the reservation that are linked, from its start.</summary>
    public ulong Offset;

    /// <summary>Whether something is mapped; an unmap without it does nothing, which makes a second unmap harmless.</summary>
    public bool Mapped;
}
