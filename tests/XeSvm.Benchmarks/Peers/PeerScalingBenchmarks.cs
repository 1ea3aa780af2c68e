using System.Globalization;
using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using XeSvm.Benchmarks.Dma;
using XeSvm.Benchmarks.Reporting;

namespace XeSvm.Benchmarks.Peers;

/// <summary>As many threads as devices, which share equal blocks of memory out and move them through all devices.</summary>
[Config(typeof(Configuration))]
[TableDescription(
    "A thread for each device moves blocks of 2 MiB of its own from device to device, each time to the next: all pairs of neighbours at once. Blocks: 8 in all, however many "
    + "devices there are, so that caches hold equally much of them. of 2: migrations per time in the best round as a multiple of those of two devices. waits: how often "
    + "a thread had to wait for a managed lock, for each migration. Policy: driver-owned. Backend: software, its Pagemap and Peers rooms. IOMMU: strict, coherent walker. Ways: PCIe, each "
    + "to each.")]
public class PeerScalingBenchmarks
{
    private const string BestRound = "best us";
    private const string Waits = "waits";
    private const int Blocks = 8;
    private const int MovesOfRound = 64;
    private const int CountedRounds = 20;

    private readonly LatencySamples _samples = new();
    private PeerBenchMachine? _machine;
    private WorkerThreads? _workers;
    private string _file = "";

    /// <summary>Devices, and threads.</summary>
    [Params(2, 4, 8)]
    public int Devices { get; set; } = 2;

    /// <summary>Makes the machine.</summary>
    [GlobalSetup]
    public void Setup()
    {
        _file = PeerBenchMachine.WriteMesh(Devices);
        _machine = new PeerBenchMachine(_file, "driver-owned", Blocks);
        _workers = new WorkerThreads(Devices, Move);
        WarmUp.Run(_workers.RunOnce);
    }

    /// <summary>Ends it.</summary>
    [GlobalCleanup]
    public void Cleanup()
    {
        RecordedFigures.Record(typeof(PeerScalingBenchmarks), nameof(Round), [Devices], BestRound, _samples.BestTime());
        long before = Monitor.LockContentionCount;
        for (int round = 0; round < CountedRounds; round++)
        {
            _workers!.RunOnce();
        }

        double waits = (double)(Monitor.LockContentionCount - before) / (CountedRounds * MovesOfRound);
        RecordedFigures.Record(typeof(PeerScalingBenchmarks), nameof(Round), [Devices], Waits, waits);
        _workers!.Dispose();
        _machine!.Dispose();
        File.Delete(_file);
    }

    /// <summary>All threads' migrations.</summary>
    [Benchmark]
    public void Round()
    {
        _samples.Begin();
        _workers!.RunOnce();
        _samples.End();
    }

    private void Move(int thread)
    {
        for (int move = thread; move < MovesOfRound; move += Devices)
        {
            _machine!.MoveOn(move % Blocks);
        }
    }

    private sealed class Configuration : ManualConfig
    {
        public Configuration() => AddColumn(
            new RecordedColumn(BestRound, "The best round, in microseconds"),
            new RecordedColumn(Waits, "Waits for a managed lock, for each migration"),
            new ThroughputColumn(_ => (double)MovesOfRound * PeerBenchMachine.Block),
            new ScalingColumn());
    }

    private sealed class ScalingColumn : FigureColumn
    {
        public override string ColumnName => "of 2";

        public override string Legend => "Migrations per time in the best round as a multiple of those of two devices";

        protected override string? Figure(Summary summary, BenchmarkCase benchmarkCase)
        {
            BenchmarkCase? two = summary.BenchmarksCases.FirstOrDefault(other => (int)Parameter(other, nameof(Devices)) == 2);
            return two is null
                ? null
                : (RecordedFigures.Find(two, BestRound) / RecordedFigures.Find(benchmarkCase, BestRound))
                    ?.ToString("F2", CultureInfo.InvariantCulture);
        }
    }
}
