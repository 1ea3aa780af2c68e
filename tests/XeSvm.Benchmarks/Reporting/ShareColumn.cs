using System.Globalization;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;

namespace XeSvm.Benchmarks.Reporting;

/// <summary>The rate of a row's best time as a share of that of another benchmark of the run, with the same parameters.</summary>
/// <param name="name">The column's name.</param>
/// <param name="method">The benchmark that is the whole.</param>
internal sealed class ShareColumn(string name, string method) : FigureColumn
{
    public override string ColumnName => name;

    public override string Legend => $"Rate at the best time as a share of the rate of {method} at its best";

    protected override string? Figure(Summary summary, BenchmarkCase benchmarkCase)
    {
        BenchmarkCase? whole = Sibling(summary, benchmarkCase, method);
        return whole is null
            ? null
            : (Minimum(summary, whole) / Minimum(summary, benchmarkCase))?.ToString("P0", CultureInfo.InvariantCulture);
    }
}
