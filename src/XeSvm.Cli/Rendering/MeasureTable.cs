using System.Globalization;
using System.Numerics;
using XeSvm.Costs;
using XeSvm.Measurement;
using XeSvm.Statistics;

namespace XeSvm.Cli.Rendering;

/// <summary>The table of a run record: what was counted, modelled, measured and published, each in columns of its own.</summary>
internal sealed class MeasureTable(RunRecord record, PublishedFigures published, bool wholeSetup)
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

    private static readonly (string Title, Func<RunCase, string?> Value)[] s_setup =
    [
        ("iommu", row => row.Iommu),
        ("walker", row => row.Walker),
        ("layout", row => row.Layout),
        ("cause", row => row.Cause),
        ("pages", row => row.Pages),
    ];

    private readonly RunModelled? _modelled = record.Cases.Select(row => row.Modelled).OfType<RunModelled>().FirstOrDefault();

    /// <summary>What of the setup differs between the rows; all of it when that is wanted.</summary>
    private readonly (string Title, Func<RunCase, string?> Value)[] _setup =
        [.. s_setup.Where(part => wholeSetup || record.Cases.Select(part.Value).Distinct().Count() > 1)];

    /// <summary>Whether there are rows whose copy time is not known, so that the whole time must be shown.</summary>
    private bool HasWholeTimesOnly => record.Cases.Any(row => row.Measured.CpuUs is null);

    /// <summary>Makes the table.</summary>
    internal TableModel Create()
    {
        TableModel table = new([.. NameColumns(), .. CountedColumns(), .. ModelledColumns(), .. MeasuredColumns(), .. PublishedColumns()]);
        foreach (RunCase row in record.Cases.GroupBy(row => row.Size).SelectMany(group => group))
        {
            table.Add([.. NameCells(row), .. CountedCells(row), .. ModelledCells(row), .. MeasuredCells(row), .. PublishedCells(row)]);
        }

        return table;
    }

    private IEnumerable<TableColumn> NameColumns() =>
    [
        new("", "size", IsNumber: false), new("", "strategy", IsNumber: false),
        .. _setup.Select(part => new TableColumn("", part.Title, IsNumber: false)),
    ];

    private IEnumerable<string> NameCells(RunCase row) => [row.Size, row.Strategy, .. _setup.Select(part => part.Value(row) ?? Figures.None)];

    private static IEnumerable<TableColumn> CountedColumns() =>
        [new(Counted, "n"), .. s_counts.Select(count => new TableColumn(Counted, count.Title))];

    private static IEnumerable<string> CountedCells(RunCase row) =>
        [Migrations(row), .. s_counts.Select(count => Figures.Count(PerMigration(row, count.Counters)))];

    private IEnumerable<TableColumn> ModelledColumns()
    {
        if (_modelled is null)
        {
            return [];
        }

        string group = $"modelled, {_modelled.Profile}";
        string cost = _modelled.Unit == CostModel.Microseconds ? "cpu us" : _modelled.Unit;
        return [new(group, "n"), new(group, cost), new(group, "noise"), new(group, "factor")];
    }

    private IEnumerable<string> ModelledCells(RunCase row) => _modelled is null
        ? []
        :
        [
            Migrations(row), Figures.Cost((double?)row.Modelled?.Cost), Figures.Cost((double?)row.Modelled?.Noise),
            FactorOf(row, other => other.Modelled?.Cost),
        ];

    private IEnumerable<TableColumn> MeasuredColumns() =>
        [
            new(Measured, "n"), new(Measured, "cpu us"), new(Measured, "+-"), new(Measured, "copy us"), new(Measured, "share"),
            .. HasWholeTimesOnly ? [new TableColumn(Measured, "whole us"), new TableColumn(Measured, "+-")] : Array.Empty<TableColumn>(),
            new(Measured, "factor"),
        ];

    private IEnumerable<string> MeasuredCells(RunCase row) =>
    [
        Migrations(row), Figures.Microseconds(row.Measured.CpuUs), Figures.Microseconds(row.Measured.CpuInterval?.HalfWidth),
        Figures.Microseconds(row.Measured.CopyUs), Figures.Share(row.Measured.Share),
        .. HasWholeTimesOnly
            ? [Figures.Microseconds(row.Measured.MigrateUs), Figures.Microseconds(row.Measured.MigrateInterval?.HalfWidth)]
            : Array.Empty<string>(),
        FactorOf(row, other => other.Measured.CpuUs ?? other.Measured.MigrateUs),
    ];

    /// <summary>Beside a model the baseline of v4 is needed too: the first one has the flush regression in it.</summary>
    private IEnumerable<TableColumn> PublishedColumns() =>
    [
        new(Published, "n"), .. _modelled is null ? Array.Empty<TableColumn>() : [new(Published, "v4 cpu us")],
        new(Published, "cpu us"), new(Published, "share"), new(Published, "factor"),
    ];

    private IEnumerable<string> PublishedCells(RunCase row)
    {
        SvmSizeClass? size = RowKinds.IsLikePublished(row) && SvmSizeClass.TryParse(row.Size, out SvmSizeClass? known) ? known : null;
        MigrationTimes? figures = size is null ? null : published.Find(row.Strategy, size);
        MigrationTimes? again = size is null ? null : published.FindRemeasured(row.Strategy, size);
        ExactRatio? factor = size is null ? null : published.FactorOf(row.Strategy, size);
        return
        [
            figures?.Count.ToString(CultureInfo.InvariantCulture) ?? Figures.None,
            .. _modelled is null ? Array.Empty<string>() : [Figures.Microseconds(Figures.ToDecimal(again?.CpuAverage))],
            Figures.Microseconds(Figures.ToDecimal(figures?.CpuAverage)), Figures.Share(Figures.ToDecimal(figures?.Share)),
            Figures.Factor(Figures.ToDecimal(factor)),
        ];
    }

    private static string Migrations(RunCase row) => row.Migrations.ToString(CultureInfo.InvariantCulture);

    /// <summary>The sum of counters per migration, or null when the backend counts none of them.</summary>
    private static ExactRatio? PerMigration(RunCase row, string[] counters)
    {
        ulong[] totals = [.. counters.Where(row.CounterTotals.ContainsKey).Select(name => row.CounterTotals[name])];
        return totals.Length == 0 ? null : new ExactRatio(totals.Aggregate(BigInteger.Zero, (sum, total) => sum + total), row.Migrations);
    }

    /// <summary>Cost of per-page over cost of the row, both of this run, of one size and setup, and of one kind.</summary>
    private string FactorOf(RunCase row, Func<RunCase, decimal?> cost)
    {
        RunCase? baseline = record.Cases.FirstOrDefault(other =>
            other.Strategy == MappingStrategy.PerPage
            && (other.Size, other.Iommu, other.Walker, other.Layout, other.Cause, other.Pages)
                == (row.Size, row.Iommu, row.Walker, row.Layout, row.Cause, row.Pages));
        return Figures.Factor(baseline is null || cost(row) is null or 0 ? null : cost(baseline) / cost(row));
    }
}
