namespace XeSvm.Measurement;

/// <summary>The names of the ways in which system pages are mapped for a migration.</summary>
public static class MappingStrategy
{
    /// <summary>One <c>dma_map_page</c> per page: before the patch series.</summary>
    public const string PerPage = "per-page";

    /// <summary>One IOVA per segment, one link per page, one sync: as merged.</summary>
    public const string Iova = "iova";

    /// <summary>As <see cref="Iova"/>, with one link per run of physically contiguous pages: patch 5 of the series.</summary>
    public const string IovaRuns = "iova-runs";

    /// <summary>Whatever the running kernel does; it cannot be chosen.</summary>
    public const string Kernel = "kernel";

    /// <summary>The strategies that the software backend offers, in the order of the patch series.</summary>
    public static IReadOnlyList<string> All { get; } = [PerPage, Iova, IovaRuns];
}
