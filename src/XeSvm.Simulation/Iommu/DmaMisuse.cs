namespace XeSvm.Simulation.Iommu;

/// <summary>Ways to use the DMA API wrongly.</summary>
internal enum DmaMisuseKind
{
    /// <summary>A size of zero where something must be mapped, linked, synced or reserved.</summary>
    ZeroSize,

    /// <summary>A size with bit 63 set: the state keeps a flag there.</summary>
    OversizedReservation,

    /// <summary>An address, offset or size that is not a multiple of a page.</summary>
    Unaligned,

    /// <summary>A reservation that never was or has been freed.</summary>
    NotReserved,

    /// <summary>A state that is already reserved was given to a new reservation.</summary>
    AlreadyReserved,

    /// <summary>Offset and size reach out of the reservation.</summary>
    OutsideReservation,

    /// <summary>An unlink met a slot with nothing in it and stopped there; entries behind it are still live.</summary>
    UnlinkAcrossHole,

    /// <summary>An unlink cut a 2 MiB leaf; the whole leaf went.</summary>
    UnlinkInsideLeaf,

    /// <summary>A reservation was freed while entries were linked.</summary>
    FreeWithLinks,

    /// <summary>An address was unmapped that is not mapped.</summary>
    NotMapped,
}

/// <summary>One misuse of the DMA API.</summary>
/// <param name="Device">Name of the device.</param>
/// <param name="Kind">What was wrong.</param>
/// <param name="Address">DMA address; for a hole, where it begins.</param>
/// <param name="Size">Bytes concerned; for a hole, what was left to clear.</param>
internal readonly record struct DmaMisuse(string Device, DmaMisuseKind Kind, ulong Address, ulong Size);
