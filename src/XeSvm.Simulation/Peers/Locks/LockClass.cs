namespace XeSvm.Simulation.Peers.Locks;

/// <summary>The classes of locks, outermost first.</summary>
internal enum LockClass : byte
{
    /// <summary>A GPU address space (vm->lock): held while a fault is served.</summary>
    AddressSpace,

    /// <summary>One allocation's pages while they move: the page locks of a migration.</summary>
    Pages,

    /// <summary>A transaction over reservations (xe_validation, drm_exec): inside it several reservations may be held.</summary>
    Validation,

    /// <summary>A buffer object's reservation (dma_resv).</summary>
    Reservation,

    /// <summary>Memory reclaim: entered by whatever may allocate memory.</summary>
    Reclaim,

    /// <summary>The notifier lock of SVM ranges; taken inside reclaim, so nothing that may allocate is allowed under it.</summary>
    Notifier,
}
