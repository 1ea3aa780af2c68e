using System.Globalization;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;

namespace XeSvm.Benchmarks.Reporting;

/// <summary>Nanoseconds per unit, of which a parameter says how many an operation has.</summary>
internal sealed class PerUnitColumn(string unit, string parameter) : FigureColumn
{
    public override string ColumnName => $"ns/{unit}";

    public override string Legend => $"Nanoseconds per {unit} in the best iteration";

    protected override string? Figure(Summary summary, BenchmarkCase benchmarkCase) =>
        (Minimum(summary, benchmarkCase) / (int)Parameter(benchmarkCase, parameter))?.ToString("F1", CultureInfo.InvariantCulture);
}
