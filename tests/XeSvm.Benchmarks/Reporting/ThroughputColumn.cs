using System.Globalization;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;

namespace XeSvm.Benchmarks.Reporting;

/// <summary>Gigabytes (10^9 bytes) moved per second.</summary>
/// <param name="bytes">Bytes that an operation of a case moves.</param>
internal sealed class ThroughputColumn(Func<BenchmarkCase, double> bytes) : FigureColumn
{
    public override string ColumnName => "GB/s";

    public override string Legend => "Gigabytes per second in the best iteration";

    protected override string? Figure(Summary summary, BenchmarkCase benchmarkCase) =>
        (bytes(benchmarkCase) / Minimum(summary, benchmarkCase))?.ToString("F2", CultureInfo.InvariantCulture);
}
