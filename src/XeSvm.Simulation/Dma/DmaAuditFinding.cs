namespace XeSvm.Simulation.Dma;

/// <summary>What an audit may find wrong.</summary>
internal enum DmaAuditKind
{
    /// <summary>An I/O entry names a page frame that its owner has released.</summary>
    EntryToReleasedFrame,

    /// <summary>The IOTLB translates to a page frame that its owner has released, and no flush is on its way.</summary>
    CachedReleasedFrame,

    /// <summary>The IOTLB translates an address differently from the page table, and no flush is on its way.</summary>
    CachedStale,

    /// <summary>An I/O entry at an address that nobody holds.</summary>
    EntryWithoutOwner,

    /// <summary>A reservation's count of linked pages is not the number of entries in it.</summary>
    LinkedMismatch,

    /// <summary>An address has two holders.</summary>
    AddressHeldTwice,

    /// <summary>The addresses taken are more or less than those that somebody holds.</summary>
    AddressesLost,

    /// <summary>Single mappings hold more or less pages than there are entries for them.</summary>
    MappedMismatch,

    /// <summary>The hardware walker sees an entry differently from the CPU: a cache flush is missing.</summary>
    NotFlushed,

    /// <summary>Work done and work undone do not match.</summary>
    CountersDiffer,
}

/// <summary>One finding of an audit.</summary>
/// <param name="Kind">What is wrong.</param>
/// <param name="Address">I/O virtual address, or 0.</param>
/// <param name="Text">The finding in words.</param>
internal readonly record struct DmaAuditFinding(DmaAuditKind Kind, ulong Address, string Text);
