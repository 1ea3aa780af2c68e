namespace XeSvm.Simulation.Iommu;

/// <summary>What stands between a device and system memory, and how soon an unmapped page is out of the device's reach (iommu.c, dma-iommu.c).</summary>
public enum IommuMode
{
    /// <summary>No IOMMU: a DMA address is a physical address.</summary>
    Off = 0,

    /// <summary>An IOMMU with an identity domain (iommu.passthrough=1): a DMA address is a physical address.</summary>
    Passthrough = 1,

    /// <summary>
    /// A translating domain with a flush queue (DMA-FQ, the default on x86): dma_unmap_page queues the address, and one domain-wide
    /// invalidation serves a whole queue or 10 ms, whichever is first. dma_iova_unlink invalidates at once in this mode too.
    /// </summary>
    Lazy = 2,

    /// <summary>A translating domain that invalidates before each unmap returns (iommu.strict=1).</summary>
    Strict = 3,
}
