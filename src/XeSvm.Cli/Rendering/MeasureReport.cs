using System.Globalization;
using System.Numerics;
using XeSvm.Measurement;
using XeSvm.Statistics;

namespace XeSvm.Cli.Rendering;

/// <summary>A run record as a table with the labels that its figures need.</summary>
internal sealed class MeasureReport(RunRecord record, PublishedFigures published)
{
    private const string Counted = "counted, per migration";
    private const string Measured = "measured on this host";
    private const string Published = "published (hardware)";

    /// <summary>The columns of counts: heading, and the backend's counters that are summed up in it.</summary>
    private static readonly (string Title, string[] Counters)[] s_counts =
    [
        ("IOVAs", ["iova_alloc_magazine", "iova_alloc_tree"]),
        ("link+map", ["link_calls", "map_calls"]),
        ("walks", ["walks_map", "walks_unmap", "walks_lookup"]),
        ("set", ["pte_set"]),
        ("syncs", ["sync_calls"]),
        ("invals", ["inval_strict", "inval_lazy_full"]),
    ];

    /// <summary>Writes labels, table and notes.</summary>
    internal void Write(CliConsole console)
    {
        LabelledText text = new(console);
        WriteLabels(text);
        console.Output.WriteLine();
        TableRenderer.Write(console, Table());
        console.Output.WriteLine();
        WriteNotes(text);
    }

    private void WriteLabels(LabelledText text)
    {
        text.Write("Backend", $"{record.Backend}, {record.Device}, because {record.Reason}");
        text.Write("Mode", $"IOMMU {Distinct(row => row.Iommu)}, page layout {Distinct(row => row.Layout)}, CPU faults {record.CpuFaults}");
        text.Write("Sample", $"n = {Distinct(row => row.Migrations.ToString(CultureInfo.InvariantCulture))} migrations per row");
        text.Write("Host", string.Create(
            CultureInfo.InvariantCulture,
            $"{record.Host.Cpu}, {record.Host.Processors} processors, Linux {record.Host.Kernel}, {record.Host.Runtime}"));
    }

    private string Distinct(Func<RunCase, string> select) =>
        string.Join(", ", record.Cases.Select(select).Distinct(StringComparer.Ordinal));

    private TableModel Table()
    {
        List<TableColumn> columns =
        [
            new("", "size", IsNumber: false), new("", "strategy", IsNumber: false),
            new(Counted, "n"), .. s_counts.Select(count => new TableColumn(Counted, count.Title)),
            new(Measured, "n"), new(Measured, "cpu us"), new(Measured, "copy us"), new(Measured, "share"), new(Measured, "factor"),
            new(Published, "n"), new(Published, "cpu us"), new(Published, "share"), new(Published, "factor"),
        ];
        TableModel table = new(columns);
        foreach (RunCase row in record.Cases.GroupBy(row => row.Size).SelectMany(group => group))
        {
            table.Add(Cells(row));
        }

        return table;
    }

    private string[] Cells(RunCase row)
    {
        SvmSizeClass? size = SvmSizeClass.TryParse(row.Size, out SvmSizeClass? known) ? known : null;
        MigrationTimes? figures = size is null ? null : published.Find(row.Strategy, size);
        ExactRatio? publishedFactor = size is null ? null : published.FactorOf(row.Strategy, size);
        string migrations = row.Migrations.ToString(CultureInfo.InvariantCulture);
        return
        [
            row.Size, row.Strategy,
            migrations, .. s_counts.Select(count => Figures.Count(PerMigration(row, count.Counters))),
            migrations, Figures.Microseconds(row.Measured.CpuUs), Figures.Microseconds(row.Measured.CopyUs),
            Figures.Share(row.Measured.Share), Figures.Factor(FactorOf(row)),
            figures?.Count.ToString(CultureInfo.InvariantCulture) ?? Figures.None,
            Figures.Microseconds(ToDecimal(figures?.CpuAverage)), Figures.Share(ToDecimal(figures?.Share)),
            Figures.Factor(ToDecimal(publishedFactor)),
        ];
    }

    private static decimal? ToDecimal(ExactRatio? ratio) => ratio?.ToDecimal(MigrationTimes.PublishedDigits, DecimalRounding.Nearest);

    /// <summary>The sum of counters per migration, or null when the backend counts none of them.</summary>
    private static ExactRatio? PerMigration(RunCase row, string[] counters)
    {
        ulong[] totals = [.. counters.Where(row.CounterTotals.ContainsKey).Select(name => row.CounterTotals[name])];
        return totals.Length == 0 ? null : new ExactRatio(totals.Aggregate(BigInteger.Zero, (sum, total) => sum + total), row.Migrations);
    }

    /// <summary>CPU time of per-page over CPU time of the row, both of this run and of the same size, mode and layout.</summary>
    private decimal? FactorOf(RunCase row)
    {
        RunCase? baseline = record.Cases.FirstOrDefault(candidate =>
            candidate.Strategy == MappingStrategy.PerPage
            && (candidate.Size, candidate.Iommu, candidate.Layout) == (row.Size, row.Iommu, row.Layout));
        return baseline is null || row.Measured.CpuUs == 0 ? null : baseline.Measured.CpuUs / row.Measured.CpuUs;
    }

    private void WriteNotes(LabelledText text)
    {
        text.Write("counted", "Exact operations of the migrations to the device; no clock was involved.");
        text.Write("measured", record.Backend == "software"
            ? "This host's clock around the software backend's work. Software figures are not hardware figures: they tell nothing " +
                "about a GPU."
            : $"This host's clock around the {record.Backend} driver's work on {record.Device}.");
        text.Write(
            "",
            "cpu us = (migrate time - copy time) / migrations, share = cpu / migrate time, factor = cpu us of per-page / cpu us of the row.");
        text.Write("published", published.Source);
        text.Write("", published.Note);
        text.Write("", Remeasured());
        if (record.Cases.Any(row => row is { Strategy: MappingStrategy.IovaRuns, Layout: "scattered" }))
        {
            text.Write("iova-runs", "Scattered pages have no runs to join, so it maps as iova does; try --layout runs:8 or contiguous.");
        }

        if (record.CpuFaults == BackendReport.Coherent)
        {
            text.Write(
                "coherent",
                "CPU touches of migrated memory are not noticed on this host: pages do not move back, residency is bookkeeping.");
        }
    }

    /// <summary>What the published factors become against the baseline that was measured again.</summary>
    private string Remeasured()
    {
        IEnumerable<string> sizes = SvmSizeClass.All.Select(RemeasuredFactors).OfType<string>();
        return $"Against the per-page figures measured again: {string.Join("; ", sizes)}.";
    }

    private string? RemeasuredFactors(SvmSizeClass size)
    {
        if (published.FindRemeasured(MappingStrategy.PerPage, size)?.CpuAverage is not { } baseline)
        {
            return null;
        }

        IEnumerable<string> factors = MappingStrategy.All
            .Where(strategy => strategy != MappingStrategy.PerPage)
            .Select(strategy => (Strategy: strategy, Average: published.Find(strategy, size)?.CpuAverage))
            .Where(figure => figure.Average is not null)
            .Select(figure => $"{figure.Strategy} {Figures.Factor(ToDecimal(baseline / figure.Average!.Value))}");
        return $"{size} {Figures.Microseconds(ToDecimal(baseline))} us ({string.Join(", ", factors)})";
    }
}
