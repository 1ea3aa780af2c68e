using System.Globalization;
using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using XeSvm.Benchmarks.Dma;
using XeSvm.Benchmarks.Reporting;
using XeSvm.Interop.LibC;

namespace XeSvm.Benchmarks.Peers;

/// <summary>As many threads as devices, which share equal blocks of memory out and move them through all devices.</summary>
/// <remarks>
/// Time on the wall says little where other processes want the processors: a thread that waits for its turn looks like one that waits for a
/// lock. So the kernel's own accounts are taken as well: a lock that collapses shows as processor time (threads that spin) or as sleeps.
/// </remarks>
[Config(typeof(Configuration))]
[TableDescription(
    "A thread for each device moves blocks of its own from device to device, each time to the next: all pairs of neighbours at once. Blocks: 8 in all, however many "
    + "devices there are. Each device keeps a free place besides, so more devices use more of the processors' caches where Pages is 512 (2 MiB); with 16 (64 KiB) the caches hold all, and "
    + "what is left is locks. best us: the best round, of 1 GiB with 2 MiB and 512 MiB with 64 KiB. of 2: migrations per time in the best round as a multiple of those of two devices. cpu us: processor time of a migration, all threads together, in the best round. cpu of 2: migrations per processor time as a multiple of those of two devices; other "
    + "processes hardly change it. sleeps and waits: how often a thread went to sleep, and how often it had to wait for a managed lock, for each migration. Policy: driver-owned. "
    + "Backend: software, its Pagemap and Peers rooms. IOMMU: strict, coherent walker. Ways: PCIe, each to each.")]
public class PeerScalingBenchmarks
{
    private const string BestRound = "best us";
    private const string ProcessorTime = "cpu us";
    private const string Sleeps = "sleeps";
    private const string Waits = "waits";
    private const int Blocks = 8;
    private const int CountedRounds = 8;

    private readonly LatencySamples _samples = new();
    private PeerBenchMachine? _machine;
    private WorkerThreads? _workers;
    private ThreadUsage[] _usage = [];
    private string _file = "";
    private volatile bool _isCounting;

    /// <summary>Devices, and threads.</summary>
    [Params(2, 4, 8)]
    public int Devices { get; set; } = 2;

    /// <summary>Pages of a block.</summary>
    [Params(16, PeerBenchMachine.Pages)]
    public int Pages { get; set; } = PeerBenchMachine.Pages;

    // Milliseconds, so that what else wants the processors takes its slice of every round.
    private int MovesOfRound => MovesOf(Pages);

    /// <summary>Makes the machine.</summary>
    [GlobalSetup]
    public void Setup()
    {
        _file = PeerBenchMachine.WriteMesh(Devices);
        _machine = new PeerBenchMachine(_file, "driver-owned", Blocks, Pages);
        _usage = new ThreadUsage[Devices];
        _workers = new WorkerThreads(Devices, Work);
        WarmUp.Run(_workers.RunOnce);
    }

    /// <summary>Ends it.</summary>
    [GlobalCleanup]
    public void Cleanup()
    {
        Record(BestRound, _samples.BestTime());
        Count();
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

    /// <summary>What the kernel says that rounds cost: outside of those that are timed, as asking costs time too.</summary>
    private void Count()
    {
        double bestProcessorTime = double.PositiveInfinity;
        long sleeps = 0;
        long before = Monitor.LockContentionCount;
        _isCounting = true;
        for (int round = 0; round < CountedRounds; round++)
        {
            _workers!.RunOnce();
            bestProcessorTime = Math.Min(bestProcessorTime, _usage.Sum(usage => usage.ProcessorTime) / 1e3 / MovesOfRound);
            sleeps += _usage.Sum(usage => usage.Sleeps);
        }

        _isCounting = false;
        double moves = CountedRounds * MovesOfRound;
        Record(ProcessorTime, bestProcessorTime);
        Record(Sleeps, sleeps / moves);
        Record(Waits, (Monitor.LockContentionCount - before) / moves);
    }

    private void Record(string name, double value) => RecordedFigures.Record(typeof(PeerScalingBenchmarks), nameof(Round), [Devices, Pages], name, value);

    private static double BytesOfRound(int pages) => (double)MovesOf(pages) * pages * SystemCalls.PageSize;

    private static int MovesOf(int pages) => pages == PeerBenchMachine.Pages ? 512 : 8192;

    private void Work(int thread)
    {
        if (!_isCounting)
        {
            Move(thread);
            return;
        }

        ThreadUsage before = ThreadUsage.Now();
        Move(thread);
        _usage[thread] = ThreadUsage.Now() - before;
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
            new ThroughputColumn(benchmark => BytesOfRound((int)benchmark.Parameters[nameof(Pages)])),
            new ScalingColumn("of 2", BestRound),
            new RecordedColumn(ProcessorTime, "Processor time for each migration, in microseconds"),
            new ScalingColumn("cpu of 2", ProcessorTime),
            new RecordedColumn(Sleeps, "Voluntary context switches for each migration"),
            new RecordedColumn(Waits, "Waits for a managed lock, for each migration"));
    }

    /// <summary>The inverse of a recorded figure as a multiple of that of two devices.</summary>
    private sealed class ScalingColumn(string name, string figure) : FigureColumn
    {
        public override string ColumnName => name;

        public override string Legend => $"Migrations per {figure} as a multiple of those of two devices";

        protected override string? Figure(Summary summary, BenchmarkCase benchmarkCase)
        {
            BenchmarkCase? two = summary.BenchmarksCases.FirstOrDefault(other => (int)Parameter(other, nameof(Devices)) == 2 && Parameter(other, nameof(Pages)).Equals(Parameter(benchmarkCase, nameof(Pages))));
            return two is null
                ? null
                : (RecordedFigures.Find(two, figure) / RecordedFigures.Find(benchmarkCase, figure))?.ToString("F2", CultureInfo.InvariantCulture);
        }
    }
}
