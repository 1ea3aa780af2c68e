using System.Globalization;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;

namespace XeSvm.Benchmarks.Reporting;

/// <summary>A recorded figure as a multiple of that of another benchmark of the run, with the same parameters.</summary>
/// <param name="name">The column's name.</param>
/// <param name="figure">The figure's name.</param>
/// <param name="method">The benchmark that is the unit.</param>
internal sealed class RecordedMultipleColumn(string name, string figure, string method) : FigureColumn
{
    public override string ColumnName => name;

    public override string Legend => $"{figure} as a multiple of that of {method}";

    protected override string? Figure(Summary summary, BenchmarkCase benchmarkCase)
    {
        BenchmarkCase? unit = Sibling(summary, benchmarkCase, method);
        return unit is null
            ? null
            : (RecordedFigures.Find(benchmarkCase, figure) / RecordedFigures.Find(unit, figure))?.ToString("F2", CultureInfo.InvariantCulture);
    }
}
