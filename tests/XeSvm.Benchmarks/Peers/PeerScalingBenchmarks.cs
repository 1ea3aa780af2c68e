using System.Globalization;
using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using XeSvm.Benchmarks.Dma;
using XeSvm.Benchmarks.Reporting;

namespace XeSvm.Benchmarks.Peers;

/// <summary>As many threads as devices, each moving a block of its own through all devices.</summary>
[Config(typeof(Configuration))]
[TableDescription(
    "A thread for each device moves 2 MiB of its own from device to device, each time to the next: all pairs of neighbours at once. of 2: migrations per time in the best "
    + "round as a multiple of those of two devices. Policy: driver-owned. Backend: software, its Pagemap and Peers rooms. IOMMU: strict, coherent walker. Ways: PCIe, each "
    + "to each.")]
public class PeerScalingBenchmarks
{
    private const string BestRound = "best us";
    private const int MovesOfThread = 8;

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
        _machine = new PeerBenchMachine(_file, "driver-owned", Devices);
        _workers = new WorkerThreads(Devices, Move);
        WarmUp.Run(_workers.RunOnce);
    }

    /// <summary>Ends it.</summary>
    [GlobalCleanup]
    public void Cleanup()
    {
        RecordedFigures.Record(typeof(PeerScalingBenchmarks), nameof(Round), [Devices], BestRound, _samples.BestTime());
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
        for (int i = 0; i < MovesOfThread; i++)
        {
            _machine!.MoveOn(thread);
        }
    }

    private sealed class Configuration : ManualConfig
    {
        public Configuration() => AddColumn(
            new RecordedColumn(BestRound, "The best round, in microseconds"),
            new ThroughputColumn(benchmarkCase => (double)(int)benchmarkCase.Parameters[nameof(Devices)] * MovesOfThread * PeerBenchMachine.Block),
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
                : ((int)Parameter(benchmarkCase, nameof(Devices)) / 2.0 * RecordedFigures.Find(two, BestRound) / RecordedFigures.Find(benchmarkCase, BestRound))
                    ?.ToString("F2", CultureInfo.InvariantCulture);
        }
    }
}
