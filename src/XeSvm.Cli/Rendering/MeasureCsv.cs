using System.Globalization;
using System.Text;
using XeSvm.Measurement;
using XeSvm.Statistics;

namespace XeSvm.Cli.Rendering;

/// <summary>A run record as comma-separated values (RFC 4180): a line of names, one line per case, every figure with its labels.</summary>
internal static class MeasureCsv
{
    /// <summary>The columns that do not depend on the backend's counters. The kind of a figure is the first word of its name.</summary>
    private static readonly (string Name, Func<RunRecord, RunCase, PublishedFigures, object?> Value)[] s_labels =
    [
        ("backend", (record, _, _) => record.Backend),
        ("device", (record, _, _) => record.Device),
        ("size", (_, row, _) => row.Size),
        ("strategy", (_, row, _) => row.Strategy),
        ("iommu", (_, row, _) => row.Iommu),
        ("walker", (_, row, _) => row.Walker),
        ("levels", (_, row, _) => row.Levels),
        ("caching_mode", (_, row, _) => OnOff(row.CachingMode)),
        ("flush_regression", (_, row, _) => OnOff(row.FlushRegression)),
        ("layout", (_, row, _) => row.Layout),
        ("n", (_, row, _) => row.Migrations),
    ];

    private static readonly (string Name, Func<RunRecord, RunCase, PublishedFigures, object?> Value)[] s_figures =
    [
        ("modelled_profile", (_, row, _) => row.Modelled?.Profile),
        ("modelled_unit", (_, row, _) => row.Modelled?.Unit),
        ("modelled_cpu", (_, row, _) => row.Modelled?.Cost),
        ("modelled_noise", (_, row, _) => row.Modelled?.Noise),
        ("modelled_reason", (_, row, _) => row.Modelled?.Reason),
        ("measured_cpu_us", (_, row, _) => row.Measured.CpuUs),
        ("measured_copy_us", (_, row, _) => row.Measured.CopyUs),
        ("measured_share", (_, row, _) => row.Measured.Share),
        ("measured_cpu_us_low", (_, row, _) => row.Measured.CpuInterval?.Low),
        ("measured_cpu_us_high", (_, row, _) => row.Measured.CpuInterval?.High),
        ("measured_migrate_us", (_, row, _) => row.Measured.MigrateUs),
        ("measured_cause", (_, row, _) => row.Cause),
        ("measured_clock", (_, row, _) => row.Clock),
        ("measured_pages", (_, row, _) => row.Pages),
        ("published_n", (_, row, published) => Find(row, published)?.Count),
        ("published_cpu_us", (_, row, published) => Figures.ToDecimal(Find(row, published)?.CpuAverage)),
        ("published_share", (_, row, published) => Figures.ToDecimal(Find(row, published)?.Share)),
    ];

    /// <summary>Writes the record.</summary>
    internal static string Write(RunRecord record, PublishedFigures published)
    {
        string[] counters = [.. record.Cases.SelectMany(row => row.Counters.Keys).Distinct(StringComparer.Ordinal)];
        StringBuilder text = new();
        AppendLine(
            text,
            [
                .. s_labels.Select(column => column.Name),
                .. counters.Select(name => $"counted_{name}"),
                .. s_figures.Select(column => column.Name),
            ]);
        foreach (RunCase row in record.Cases)
        {
            AppendLine(
                text,
                [
                    .. s_labels.Select(column => column.Value(record, row, published)),
                    .. counters.Select(name => row.Counters.TryGetValue(name, out decimal count) ? count : (object?)null),
                    .. s_figures.Select(column => column.Value(record, row, published)),
                ]);
        }

        return text.ToString();
    }

    private static MigrationTimes? Find(RunCase row, PublishedFigures published) =>
        RowKinds.IsLikePublished(row) && SvmSizeClass.TryParse(row.Size, out SvmSizeClass? size) ? published.Find(row.Strategy, size) : null;

    private static string? OnOff(bool? value) => value is { } on ? on ? "on" : "off" : null;

    private static void AppendLine(StringBuilder text, IEnumerable<object?> values) =>
        text.AppendJoin(',', values.Select(value => Quote(Convert.ToString(value, CultureInfo.InvariantCulture) ?? ""))).Append("\r\n");

    private static string Quote(string value) => value.AsSpan().IndexOfAny("\",\r\n") < 0
        ? value
        : $"\"{value.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
}
