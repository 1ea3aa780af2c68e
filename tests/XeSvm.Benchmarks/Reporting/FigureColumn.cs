using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;

namespace XeSvm.Benchmarks.Reporting;

/// <summary>A column of numbers that are made from the reports of a run.</summary>
internal abstract class FigureColumn : IColumn
{
    public string Id => $"{nameof(XeSvm)}.{ColumnName}";

    public abstract string ColumnName { get; }

    public abstract string Legend { get; }

    public bool AlwaysShow => true;

    public ColumnCategory Category => ColumnCategory.Custom;

    public virtual int PriorityInCategory => 0;

    public bool IsNumeric => true;

    public UnitType UnitType => UnitType.Dimensionless;

    public bool IsAvailable(Summary summary) => true;

    public bool IsDefault(Summary summary, BenchmarkCase benchmarkCase) => false;

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase) => Figure(summary, benchmarkCase) ?? "-";

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase, SummaryStyle style) => GetValue(summary, benchmarkCase);

    /// <summary>The figure of a row; null when it has none.</summary>
    protected abstract string? Figure(Summary summary, BenchmarkCase benchmarkCase);

    /// <summary>Nanoseconds per operation in the best iteration; null when the case failed.</summary>
    protected static double? Minimum(Summary summary, BenchmarkCase benchmarkCase) => summary[benchmarkCase]?.ResultStatistics?.Min;

    /// <summary>The case of another method with the same parameters; null when it was not run.</summary>
    protected static BenchmarkCase? Sibling(Summary summary, BenchmarkCase benchmarkCase, string method) =>
        summary.BenchmarksCases.FirstOrDefault(other =>
            other.Descriptor.WorkloadMethod.Name == method && other.Parameters.ValueInfo == benchmarkCase.Parameters.ValueInfo);

    /// <summary>The value of a parameter of a case.</summary>
    protected static object Parameter(BenchmarkCase benchmarkCase, string name) =>
        benchmarkCase.Parameters[name] ?? throw new InvalidOperationException($"{benchmarkCase.Descriptor.Type.Name} has no parameter {name}.");
}
