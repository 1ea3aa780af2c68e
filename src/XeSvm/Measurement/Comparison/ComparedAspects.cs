namespace XeSvm.Measurement;

/// <summary>
/// What a case is like. Times of cases that differ in a <i>likeness</i> are times of different things; what may differ is the <i>subject</i>:
/// the kernel, the IOMMU, the way pages are mapped, the machine.
/// </summary>
internal static class ComparedAspects
{
    /// <summary>What must be the same, with the words for it.</summary>
    internal static IReadOnlyList<(string Name, Func<RunRecord, RunCase, string> Value)> Likeness { get; } =
    [
        ("size", (_, row) => row.Size),
        ("backend", (record, _) => record.Backend),
        ("page layout", (_, row) => row.Layout),
        ("cause", (_, row) => row.Cause ?? MeasurementNames.NameOf(MeasurementNames.Causes, MigrationCause.Fault)),
        ("clock", (_, row) => row.Clock ?? MeasurementNames.StatisticsClock),
        ("pages", (_, row) => row.Pages ?? MeasurementNames.NameOf(MeasurementNames.Pages, PageBacking.Small)),
        ("CPU faults", (record, _) => record.CpuFaults),
    ];

    /// <summary>
    /// Which cases belong together, the most alike first: those that agree in all, then in the strategy, in the IOMMU, in the likeness alone.
    /// </summary>
    internal static IReadOnlyList<Func<RunRecord, RunCase, string>> Keys { get; } =
    [
        (record, row) => $"{LikenessOf(record, row)}|{row.Strategy}|{IommuOf(row)}",
        (record, row) => $"{LikenessOf(record, row)}|{row.Strategy}",
        (record, row) => $"{LikenessOf(record, row)}|{IommuOf(row)}",
        LikenessOf,
    ];

    /// <summary>As <see cref="Keys"/>, for records that are compared although they are unlike.</summary>
    internal static IReadOnlyList<Func<RunRecord, RunCase, string>> ForcedKeys { get; } =
    [
        .. Keys,
        (_, row) => $"{row.Size}|{row.Strategy}|{IommuOf(row)}",
        (_, row) => $"{row.Size}|{row.Strategy}",
        (_, row) => row.Size,
    ];

    /// <summary>The IOMMU of a case, for people.</summary>
    internal static string IommuOf(RunCase row)
    {
        string walker = row.Walker is null ? "" : $" {row.Walker}";
        string caching = row.CachingMode == true ? " caching mode" : "";
        return $"{row.Iommu}{walker}{caching}{(row.FlushRegression == true ? " flush regression" : "")}";
    }

    private static string LikenessOf(RunRecord record, RunCase row) => string.Join('|', Likeness.Select(aspect => aspect.Value(record, row)));
}
