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
    "Each thread, on a processor of its own, maps and unmaps some segments of 512 pages of 4 KiB on a domain of its own; arithmetic is work without any memory, which shows what this "
    + "host gives two threads at the moment. scaling: work per time in the best round as a multiple of that of one thread. Backend: software, its DMA rooms "
    + "alone. IOMMU: strict, coherent walker, 4 levels. Layout: scattered.")]
public class DmaScalingBenchmarks
{
    private const string Arithmetic = "arithmetic";
    private const string BestRound = "best us";
    private const int Pages = 512;

    // Rounds of some tenths of a millisecond, so that some of them are not interrupted where other processes want the processors too.
    private const int ArithmeticSteps = 150_000;
    private const int PerPageSegments = 4;
    private const int IovaSegments = 20;
    private const int AllocationRepetitions = 10;

    private readonly LatencySamples _samples = new();
    private MappedSegment[] _segments = [];
    private WorkerThreads? _workers;
    private ulong _sum;

    /// <summary>One thread and, where there are two processors, two.</summary>
    public static IEnumerable<int> ThreadCounts => Environment.ProcessorCount > 1 ? [1, 2] : [1];

    /// <summary>What threads do.</summary>
    [Params(Arithmetic, "per-page", "iova")]
    public string Work { get; set; } = Arithmetic;

    /// <summary>Threads, and domains.</summary>
    [ParamsSource(nameof(ThreadCounts))]
    public int Threads { get; set; } = 1;

    /// <summary>Makes the domains and starts the threads.</summary>
    [GlobalSetup]
    public void Setup()
    {
        if (Work == Arithmetic)
        {
            _workers = new WorkerThreads(Threads, _ => Shift());
        }
        else
        {
            int times = Work == "iova" ? IovaSegments : PerPageSegments;
            _segments = [.. Enumerable.Range(0, Threads).Select(_ => new MappedSegment(IommuMode.Strict, new MappingCase(Work, "scattered"), Pages))];
            _workers = new WorkerThreads(Threads, thread => Map(_segments[thread], times));
        }

        WarmUp.Run(_workers.RunOnce);
    }

    /// <summary>Ends the threads; checks and frees the domains.</summary>
    [GlobalCleanup]
    public void Cleanup()
    {
        AllocationProbe.Record(typeof(DmaScalingBenchmarks), nameof(Round), [Work, Threads], _workers!.RunOnce, AllocationRepetitions);
        RecordedFigures.Record(typeof(DmaScalingBenchmarks), nameof(Round), [Work, Threads], BestRound, _samples.BestTime());
        _workers.Dispose();
        foreach (MappedSegment segment in _segments)
        {
            segment.Dispose();
        }
    }

    /// <summary>All threads' work.</summary>
    [Benchmark]
    public void Round()
    {
        _samples.Begin();
        _workers!.RunOnce();
        _samples.End();
    }

    private static void Map(MappedSegment segment, int times)
    {
        for (int i = 0; i < times; i++)
        {
            segment.MapAndUnmap();
        }
    }

    private void Shift()
    {
        ulong value = 1;
        for (int i = 0; i < ArithmeticSteps; i++)
        {
            value ^= value << 13;
            value ^= value >> 7;
            value ^= value << 17;
        }

        Volatile.Write(ref _sum, value);
    }

    private sealed class Configuration : ManualConfig
    {
        public Configuration() => AddColumn(new RecordedColumn(BestRound, "The best round, in microseconds"), new ScalingColumn(), AllocationProbe.Column);
    }

    private sealed class ScalingColumn : FigureColumn
    {
        public override string ColumnName => "scaling";

        public override string Legend => "Work per time in the best round as a multiple of that of one thread";

        protected override string? Figure(Summary summary, BenchmarkCase benchmarkCase)
        {
            object work = Parameter(benchmarkCase, nameof(Work));
            BenchmarkCase? one = summary.BenchmarksCases.FirstOrDefault(other =>
                (int)Parameter(other, nameof(Threads)) == 1 && Parameter(other, nameof(Work)).Equals(work));
            return one is null
                ? null
                : ((int)Parameter(benchmarkCase, nameof(Threads)) * RecordedFigures.Find(one, BestRound) / RecordedFigures.Find(benchmarkCase, BestRound))
                    ?.ToString("F2", CultureInfo.InvariantCulture);
        }
    }
}
