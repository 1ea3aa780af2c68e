namespace XeSvm.Simulation.Gpu;

/// <summary>The space that a bus address of a page-table entry is in.</summary>
internal enum GpuBusSpace : byte
{
    /// <summary>The device's own DMA space, which its IOMMU translates.</summary>
    Dma = 0,

    /// <summary>Network addresses of a fabric: each names a page of a device.</summary>
    FabricPhysical = 1,

    /// <summary>The fabric address space of one target, which translates it.</summary>
    FabricVirtual = 2,
}

/// <summary>A bus address with its space: the same number is other memory in another one.</summary>
/// <param name="Value">The address.</param>
/// <param name="Space">Its space.</param>
/// <param name="Target">Whose space it is, for <see cref="GpuBusSpace.FabricVirtual"/>.</param>
internal readonly record struct GpuBusAddress(ulong Value, GpuBusSpace Space = GpuBusSpace.Dma, byte Target = 0);
