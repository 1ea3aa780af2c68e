using System.Globalization;
using XeSvm.Measurement;
using XeSvm.Statistics;

namespace XeSvm.Cli.Rendering;

/// <summary>The result of <c>compare --json</c>.</summary>
internal sealed record ComparisonJson(
    string Schema,
    double Level,
    IReadOnlyList<string> Records,
    IReadOnlyDictionary<string, IReadOnlyList<string?>> Differences,
    IReadOnlyList<ComparisonJsonRow> Rows,
    IReadOnlyList<string> Notes)
{
    internal const string CurrentSchema = "xesvm.comparison/1";

    /// <summary>A comparison in this form.</summary>
    internal static ComparisonJson Of(RunComparison comparison) => new(
        CurrentSchema,
        RunComparison.Level,
        [.. comparison.Records.Select(record => record.Name)],
        comparison.Differences.ToDictionary(fact => fact.Name, fact => fact.Values),
        [
            .. comparison.Rows.Select(row => new ComparisonJsonRow(
                row.Size,
                [.. row.Cases.Select(one => one.Strategy)],
                row.Unlike,
                row.Changes[0].Time,
                [.. row.Cases.Select(one => row.Changes[0].Time == "cpu" ? one.Measured.CpuUs : one.Measured.MigrateUs)],
                [
                    .. row.Changes.Select(change => new ComparisonJsonChange(
                        change.Factor, change.FactorInterval?.Low, change.FactorInterval?.High, change.PValue, change.IsSignificant, change.Verdict)),
                ],
                row.Counters.ToDictionary(counter => counter.Name, counter => (IReadOnlyList<string?>)[.. counter.PerMigration.Select(Text)]))),
        ],
        comparison.Notes);

    private static string? Text(ExactRatio? ratio) => ratio is { } value ? Convert.ToString(value, CultureInfo.InvariantCulture) : null;
}

/// <summary>Cases side by side.</summary>
internal sealed record ComparisonJsonRow(
    string Size,
    IReadOnlyList<string> Strategies,
    IReadOnlyList<string> Unlike,
    string Time,
    IReadOnlyList<decimal?> Us,
    IReadOnlyList<ComparisonJsonChange> Changes,
    IReadOnlyDictionary<string, IReadOnlyList<string?>> CountersPerMigration);

/// <summary>How another record differs from the first.</summary>
internal sealed record ComparisonJsonChange(
    double? Factor, double? FactorLow, double? FactorHigh, double? PValue, bool? IsSignificant, string Verdict);
