using System.Globalization;
using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using XeSvm.Benchmarks.Reporting;
using XeSvm.Simulation.Iommu;

namespace XeSvm.Benchmarks.Dma;

/// <summary>The same work by one thread, and by two threads on two domains.</summary>
[Config(typeof(Configuration))]
[TableDescription(
    "Each thread maps and unmaps 64 times a segment of 512 pages of 4 KiB on a domain of its own. Column scaling: work per time as a multiple of that of "
    + "one thread; at most the number of processors that are idle. Backend: software, its DMA rooms alone. IOMMU: strict, coherent walker, 4 levels. "
    + "Layout: behind the strategy's name.")]
public class DmaScalingBenchmarks
{
    private const int Repetitions = 64;
    private const int Pages = 512;

    private MappedSegment[] _segments = [];
    private WorkerThreads? _workers;

    /// <summary>The strategies and their layouts.</summary>
    public static IEnumerable<MappingCase> Cases => [new("per-page", "scattered"), new("iova", "scattered")];

    /// <summary>How pages are mapped, and how they lie.</summary>
    [ParamsSource(nameof(Cases))]
    public MappingCase Strategy { get; set; } = new("iova", "scattered");

    /// <summary>Threads, and domains.</summary>
    [Params(1, 2)]
    public int Threads { get; set; }

    /// <summary>Makes the domains and starts the threads.</summary>
    [GlobalSetup]
    public void Setup()
    {
        _segments = [.. Enumerable.Range(0, Threads).Select(_ => new MappedSegment(IommuMode.Strict, Strategy, Pages))];
        _workers = new WorkerThreads(Threads, Work);
    }

    /// <summary>Ends the threads; checks and frees the domains.</summary>
    [GlobalCleanup]
    public void Cleanup()
    {
        _workers!.Dispose();
        foreach (MappedSegment segment in _segments)
        {
            segment.Dispose();
        }
    }

    /// <summary>All threads' work.</summary>
    [Benchmark]
    public void MapAndUnmap() => _workers!.RunOnce();

    private void Work(int thread)
    {
        for (int i = 0; i < Repetitions; i++)
        {
            _segments[thread].MapAndUnmap();
        }
    }

    private sealed class Configuration : ManualConfig
    {
        public Configuration() => AddColumn(new ScalingColumn());
    }

    private sealed class ScalingColumn : FigureColumn
    {
        public override string ColumnName => "scaling";

        public override string Legend => "Work per time in the best iteration as a multiple of that of one thread";

        protected override string? Figure(Summary summary, BenchmarkCase benchmarkCase)
        {
            object strategy = Parameter(benchmarkCase, nameof(Strategy));
            BenchmarkCase? one = summary.BenchmarksCases.FirstOrDefault(other =>
                (int)Parameter(other, nameof(Threads)) == 1 && Parameter(other, nameof(Strategy)).Equals(strategy));
            return one is null
                ? null
                : ((int)Parameter(benchmarkCase, nameof(Threads)) * Minimum(summary, one) / Minimum(summary, benchmarkCase))
                    ?.ToString("F2", CultureInfo.InvariantCulture);
        }
    }
}
