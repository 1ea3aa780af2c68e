namespace XeSvm.Simulation.Iommu;

/// <summary>Detached page tables that wait for an invalidation before they may be used again (iommu-pages.h: iommu_pages_list).</summary>
internal unsafe struct IoTableList
{
    /// <summary>The first table; the others follow by <see cref="IoTableMemory.Link"/>.</summary>
    public ulong* First;

    /// <summary>Whether there is no table.</summary>
    public readonly bool IsEmpty => First is null;

    /// <summary>Adds a table.</summary>
    public void Add(ulong* table)
    {
        IoTableMemory.Link(table) = First;
        First = table;
    }
}
