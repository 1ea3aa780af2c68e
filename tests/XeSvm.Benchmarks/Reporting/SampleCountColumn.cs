using System.Globalization;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Engines;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;

namespace XeSvm.Benchmarks.Reporting;

/// <summary>How many operations the figures of a row are made of.</summary>
internal sealed class SampleCountColumn : FigureColumn
{
    public override string ColumnName => "n";

    public override string Legend => "Measured operations";

    protected override string? Figure(Summary summary, BenchmarkCase benchmarkCase) =>
        summary[benchmarkCase]?.AllMeasurements
            .Where(measurement => measurement.Is(IterationMode.Workload, IterationStage.Actual))
            .Sum(measurement => measurement.Operations)
            .ToString(CultureInfo.InvariantCulture);
}
