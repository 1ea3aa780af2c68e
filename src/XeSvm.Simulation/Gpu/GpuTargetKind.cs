namespace XeSvm.Simulation.Gpu;

/// <summary>How a piece of GPU memory is reached.</summary>
internal enum GpuTargetKind
{
    /// <summary>By pointer: VRAM of a buffer object, or its system pages.</summary>
    Direct,

    /// <summary>Device page of a mirrored range: through the client's memory, which knows whether it is still there.</summary>
    DevicePage,

    /// <summary>Through the IOMMU.</summary>
    Bus,

    /// <summary>No memory.</summary>
    Null,
}
