using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Exporters;
using BenchmarkDotNet.Exporters.Json;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using Perfolizer.Horology;

namespace XeSvm.Benchmarks.Reporting;

/// <summary>
/// Short runs in this very process: no project is generated, and the kernel's per-process costs are the same for all that is compared.
/// </summary>
internal sealed class BenchmarkConfiguration : ManualConfig
{
    private const int WarmUps = 10;

    // Many short iterations: where other processes want the processor too, some of them are left alone, and the best tells what the work costs.
    private const int Iterations = 40;
    private static readonly TimeInterval s_iterationTime = TimeInterval.FromMilliseconds(5);

    private static readonly TimeSpan s_caseTimeout = TimeSpan.FromMinutes(2);

    public BenchmarkConfiguration()
    {
        ArtifactsPath = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "..", "..", "benchmarks"));
        AddJob(Job.Default
            .WithToolchain(new InProcessEmitToolchain(s_caseTimeout, logOutput: false))
            .WithWarmupCount(WarmUps)
            .WithIterationCount(Iterations)
            .WithIterationTime(s_iterationTime));
        AddDiagnoser(new MemoryDiagnoser(new MemoryDiagnoserConfig(displayGenColumns: false)));
        AddColumnProvider(DefaultColumnProviders.Descriptor, DefaultColumnProviders.Params, DefaultColumnProviders.Metrics);
        AddColumn(StatisticColumn.Mean, StatisticColumn.StdDev, StatisticColumn.Min, new SampleCountColumn());
        AddExporter(MarkdownExporter.GitHub, JsonExporter.Full);
        AddLogger(ConsoleLogger.Default);
    }
}
