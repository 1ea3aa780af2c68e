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

    /// <summary>As <see cref="Iova"/>, with the holes of a range filled: the form of RFC v3.</summary>
    public const string IovaFilled = "iova-filled";

    /// <summary>One IOVA per segment and one map call, as <c>dma_map_sg</c>: a third party to compare with.</summary>
    public const string Scatterlist = "scatterlist";

    /// <summary>Whatever the running kernel does; it cannot be chosen.</summary>
    public const string Kernel = "kernel";

    /// <summary>The strategies that the patch series published figures of, in its order.</summary>
    public static IReadOnlyList<string> Published { get; } = [PerPage, Iova, IovaRuns];

    /// <summary>The strategies that the software backend offers.</summary>
    public static IReadOnlyList<string> All { get; } = [PerPage, Iova, IovaRuns, IovaFilled, Scatterlist];
}
