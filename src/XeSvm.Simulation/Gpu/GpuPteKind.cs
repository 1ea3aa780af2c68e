namespace XeSvm.Simulation.Gpu;

/// <summary>What the address in a GPU page-table entry means.</summary>
internal enum GpuPteKind
{
    /// <summary>Offset into the device's VRAM.</summary>
    Vram = 0,

    /// <summary>Bus address, translated by the IOMMU.</summary>
    Dma = 1,

    /// <summary>Host address of a buffer object's system page: the backend's own memory, which never moves.</summary>
    Host = 2,

    /// <summary>No memory: reads give zeros, writes are dropped.</summary>
    Null = 3,
}
