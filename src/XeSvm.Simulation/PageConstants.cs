namespace XeSvm.Simulation;

/// <summary>Sizes that the driver, the GPU and the IOMMU share.</summary>
internal static class PageConstants
{
    public const int PageShift = 12;
    public const int PageSize = 1 << PageShift;
    public const ulong PageMask = PageSize - 1;

    /// <summary>The largest unit of migration: one PMD of the CPU's page table.</summary>
    public const ulong BlockSize = 2 << 20;
    public const ulong BlockMask = BlockSize - 1;
    public const int BlockPages = (int)(BlockSize / PageSize);

    public const ulong Chunk64K = 64 << 10;
}
