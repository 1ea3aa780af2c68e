namespace XeSvm.Simulation.Dma;

/// <summary>What one slot of a page array holds.</summary>
internal enum MigratePageKind : byte
{
    /// <summary>No page: never touched, the zero page, or not taking part.</summary>
    Hole,

    /// <summary>The head of a folio in system memory (or device-coherent memory, which is mapped the same way).</summary>
    System,

    /// <summary>A further page of the folio before it.</summary>
    Tail,

    /// <summary>A device page; it has an address already or needs none.</summary>
    DevicePrivate,
}

/// <summary>
/// One slot of a page array. Arrays of a migration have one slot for each 4 KiB page: a folio fills its head slot, its other slots are
/// <see cref="MigratePageKind.Tail"/>. Arrays of get_pages are dense: one slot for each piece.
/// </summary>
internal struct MigratePage
{
    /// <summary>Physical address of a system folio.</summary>
    public ulong Physical;

    /// <summary>The folio or piece has 2^Order pages.</summary>
    public byte Order;

    /// <summary>What the slot holds.</summary>
    public MigratePageKind Kind;

    /// <summary>Bytes of the folio or piece.</summary>
    public readonly ulong Bytes => Iommu.IoEntry.PageSize << Order;
}
