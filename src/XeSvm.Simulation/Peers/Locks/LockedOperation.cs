namespace XeSvm.Simulation.Peers.Locks;

/// <summary>What an operation needs of the locks around it: which it may take itself, so that its callers must be able to have them taken.</summary>
/// <param name="Name">The operation.</param>
/// <param name="MayTake">Lock classes that it may take. A caller who holds one of them, or one that nests inside, is in a forbidden context.</param>
internal sealed record LockedOperation(string Name, params LockClass[] MayTake)
{
    /// <summary>device_iova_alloc: may allocate memory, may take reservations for page-table memory on the target.</summary>
    public static LockedOperation IovaAlloc { get; } = new("device_iova_alloc", LockClass.Reservation, LockClass.Reclaim);

    /// <summary>device_iova_free: as the allocation.</summary>
    public static LockedOperation IovaFree { get; } = new("device_iova_free", LockClass.Reservation, LockClass.Reclaim);

    /// <summary>device_iova_link, reclaim-safe: allowed under the notifier lock.</summary>
    public static LockedOperation IovaLink { get; } = new("device_iova_link");

    /// <summary>device_iova_sync, reclaim-safe.</summary>
    public static LockedOperation IovaSync { get; } = new("device_iova_sync");

    /// <summary>device_iova_unlink, reclaim-safe: the notifier itself calls it.</summary>
    public static LockedOperation IovaUnlink { get; } = new("device_iova_unlink");

    /// <summary>Allocation of VRAM: takes reservations of what it evicts.</summary>
    public static LockedOperation AllocateVram { get; } = new("VRAM allocation", LockClass.Validation, LockClass.Reservation, LockClass.Reclaim);
}
