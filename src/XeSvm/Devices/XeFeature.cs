namespace XeSvm;

/// <summary>Things that not every device or kernel can do; see <see cref="XeDevice.Supports(XeFeature)"/>.</summary>
public enum XeFeature
{
    /// <summary>The device has memory of its own.</summary>
    Vram,

    /// <summary>GPU accesses that fault are served.</summary>
    FaultMode,

    /// <summary>A VM can mirror the process's addresses.</summary>
    CpuAddressMirror,

    /// <summary>Queues take the low-latency hint.</summary>
    LowLatencyHint,

    /// <summary>Buffers take the no-compression hint.</summary>
    NoCompressionHint,

    /// <summary>Buffers can be marked as discardable.</summary>
    Purging,

    /// <summary>Render queues can turn a workaround of the state cache off.</summary>
    StateCacheOption,

    /// <summary>Sync objects.</summary>
    SyncObjects,

    /// <summary>Sync objects with timelines.</summary>
    TimelineSyncObjects,

    /// <summary>Buffers can be made of dma-bufs.</summary>
    BufferImport,

    /// <summary>Buffers can be given away as dma-bufs.</summary>
    BufferExport,

    /// <summary>Failed GPU faults of a VM can be read.</summary>
    VmFaults,

    /// <summary>Memory can be advised (MADVISE) and the advice be read back (VM_QUERY_MEM_RANGE_ATTRS); Linux 6.18.</summary>
    MemoryAdvice,
}
