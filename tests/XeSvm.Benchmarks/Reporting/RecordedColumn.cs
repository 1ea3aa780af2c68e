using System.Globalization;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;

namespace XeSvm.Benchmarks.Reporting;

/// <summary>A figure that the benchmark has recorded (<see cref="RecordedFigures"/>).</summary>
internal sealed class RecordedColumn(string name, string legend) : FigureColumn
{
    public override string ColumnName => name;

    public override string Legend => legend;

    protected override string? Figure(Summary summary, BenchmarkCase benchmarkCase) =>
        RecordedFigures.Find(benchmarkCase, name) is { } figure && !double.IsNaN(figure)
            ? figure.ToString(figure < 10 ? "0.##" : "F1", CultureInfo.InvariantCulture)
            : null;
}
