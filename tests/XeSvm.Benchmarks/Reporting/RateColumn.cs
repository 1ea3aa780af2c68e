using System.Globalization;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;

namespace XeSvm.Benchmarks.Reporting;

/// <summary>Millions of units per second.</summary>
/// <param name="name">The column's name.</param>
/// <param name="units">Units that an operation of a case does; 0: the case does none.</param>
internal sealed class RateColumn(string name, Func<BenchmarkCase, int> units) : FigureColumn
{
    private const double ThousandsPerNanosecond = 1000;

    public override string ColumnName => name;

    public override string Legend => "Millions per second in the best iteration";

    protected override string? Figure(Summary summary, BenchmarkCase benchmarkCase) => units(benchmarkCase) == 0
        ? null
        : (units(benchmarkCase) * ThousandsPerNanosecond / Minimum(summary, benchmarkCase))?.ToString("F1", CultureInfo.InvariantCulture);
}
