namespace XeSvm.Simulation.Cost;

/// <summary>What DMA work was done for; counters are kept apart by it.</summary>
internal enum DmaPurpose
{
    /// <summary>Migration of system pages to VRAM.</summary>
    MigrateToDevice,

    /// <summary>Migration of device pages to system memory: CPU faults and eviction.</summary>
    MigrateToSystem,

    /// <summary>get_pages of a range or a userptr, and the unmapping that its invalidation causes.</summary>
    GetPages,

    /// <summary>Buffer objects in system memory.</summary>
    BufferObject,

    /// <summary>Work that timers did later: flush-queue drains.</summary>
    Deferred,
}
