using System.Globalization;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;

namespace XeSvm.Benchmarks.Reporting;

/// <summary>A row's best time as a multiple of that of another benchmark of the run, with the same parameters.</summary>
/// <param name="name">The column's name.</param>
/// <param name="method">The benchmark that is the unit.</param>
internal sealed class MultipleColumn(string name, string method) : FigureColumn
{
    public override string ColumnName => name;

    public override string Legend => $"Best time as a multiple of the best time of {method}";

    protected override string? Figure(Summary summary, BenchmarkCase benchmarkCase)
    {
        BenchmarkCase? unit = Sibling(summary, benchmarkCase, method);
        return unit is null
            ? null
            : (Minimum(summary, benchmarkCase) / Minimum(summary, unit))?.ToString("F2", CultureInfo.InvariantCulture);
    }
}
