using System.Diagnostics;
using System.Globalization;

using XeSvm.Simulation.Tests.Driver;

namespace XeSvm.Simulation.Tests.Svm.Torture;

/// <summary>One torture from its start to its last check: on a small VRAM, with faults injected, and with an eye on what grows.</summary>
internal sealed class TortureSession : IDisposable
{
    private const int Blocks = 24;
    private const ulong Vram = 16 << 20;
    private const long MostMapsMore = 2000;
    private const long MostResidentMore = 128 << 20;
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(10);

    private readonly TortureMemory _memory = new(Blocks);
    private readonly List<TortureSample> _samples = [];

    public TortureSession(string cpuFaults, int seed)
    {
        Gpu = new GpuClient(new SoftwareBackendOptions
        {
            VramBytes = Vram,
            CpuFaults = cpuFaults,
            Faults = FaultPlan.Parse(
                $"seed={seed}; iova:p=0.02; link:p=0.0001; sync:p=0.01; vram:p=0.02; copy:p=0.02; isolate:p=0.02; slow-copy:p=0.02,us=300"),
        });
        Run = new TortureRun(Gpu, _memory, seed);
    }

    public GpuClient Gpu { get; }

    public TortureRun Run { get; }

    /// <summary>What was measured on the way; the first sample is taken when all that is used for ever has been touched.</summary>
    public IReadOnlyList<TortureSample> Samples => _samples;

    /// <summary>Attempts of faults at migration so far.</summary>
    public long Migrations => Gpu.Counter("svm_4K_migrate_count") + Gpu.Counter("svm_64K_migrate_count") + Gpu.Counter("svm_2M_migrate_count");

    /// <summary>Runs until the time is over or as many migrations have been made, whichever is later, or something is wrong; then checks every byte.</summary>
    /// <param name="length">How long at least.</param>
    /// <param name="migrations">How many migrations at least.</param>
    /// <param name="report">Called with every sample.</param>
    public void Torture(TimeSpan length, long migrations, Action<TortureSample> report)
    {
        long begin = Stopwatch.GetTimestamp();
        List<Thread> threads = Run.Start();
        TimeSpan interval = length / 3;
        TimeSpan next = interval;
        using var never = new ManualResetEventSlim();
        while (Run.Failures.Count == 0 && (Stopwatch.GetElapsedTime(begin) < length || Migrations < migrations))
        {
            never.Wait(TimeSpan.FromMilliseconds(50));
            if (Stopwatch.GetElapsedTime(begin) >= next)
            {
                Sample(begin, report);
                next += TimeSpan.FromSeconds(Math.Max(interval.TotalSeconds, 10));
            }
        }

        Run.Stop();
        Join(threads);
        Sample(begin, report);
        Run.CheckAll();
    }

    /// <summary>Waits for actors that have been stopped.</summary>
    public void Join(IEnumerable<Thread> threads)
    {
        foreach (Thread thread in threads)
        {
            if (!thread.Join(s_patience))
            {
                Run.Note($"{thread.Name} hangs.");
            }
        }
    }

    /// <summary>All that is wrong after <see cref="Torture"/>: bytes, leaks, and a torture that was none.</summary>
    public IEnumerable<string> Findings()
    {
        (TortureSample first, TortureSample last) = (_samples[0], _samples[^1]);
        return Run.Failures.Concat(new (bool IsWrong, string Text)[]
        {
            (Gpu.File.ReadDebugFile("dma_audit").Text != "clean\n", "The DMA audit finds: " + Gpu.File.ReadDebugFile("dma_audit").Text),
            (Gpu.Counter("svm_device_copy_kb") == 0 || Gpu.Counter("svm_cpu_copy_kb") == 0, "Nothing migrated, so nothing was tested."),
            (Gpu.Device.Options.Faults.Injected(FaultPoint.Vram) == 0, "No fault was injected."),
            (last.Maps - first.Maps >= MostMapsMore, $"The number of mappings has grown from {first.Maps} to {last.Maps}."),
            (last.ResidentBytes - first.ResidentBytes >= MostResidentMore, $"Resident memory has grown from {first.ResidentBytes} to {last.ResidentBytes} bytes."),
        }.Where(finding => finding.IsWrong).Select(finding => finding.Text));
    }

    /// <summary>What was done, in a few lines.</summary>
    public IEnumerable<string> Summary()
    {
        FaultInjector faults = Gpu.Device.Options.Faults;
        return
        [
            Run.Summary,
            $"{Migrations} migrations of faults, {Gpu.Counter("svm_device_copy_kb") >> 10} MiB to VRAM, {Gpu.Counter("svm_cpu_copy_kb") >> 10} MiB home",
            "injected: " + string.Join(", ", Enum.GetValues<FaultPoint>().Select(point => $"{point} {faults.Injected(point)}")),
        ];
    }

    public void Dispose()
    {
        Gpu.Dispose();
        _memory.Dispose();
    }

    private void Sample(long begin, Action<TortureSample> report)
    {
        TortureSample sample = TortureSample.Take(begin, Migrations);
        _samples.Add(sample);
        report(sample);
    }
}

/// <summary>The process at one moment of a torture.</summary>
/// <param name="Elapsed">Since the start.</param>
/// <param name="Migrations">Attempts of faults at migration.</param>
/// <param name="Maps">Mappings of the process.</param>
/// <param name="ResidentBytes">Memory of the process.</param>
internal readonly record struct TortureSample(TimeSpan Elapsed, long Migrations, int Maps, long ResidentBytes)
{
    /// <summary>Looks at the process, of which managed memory that nobody uses is not counted.</summary>
    public static TortureSample Take(long begin, long migrations)
    {
        GC.Collect();
        long resident = long.Parse(File.ReadAllText("/proc/self/statm").Split(' ')[1], CultureInfo.InvariantCulture) * Environment.SystemPageSize;
        return new TortureSample(Stopwatch.GetElapsedTime(begin), migrations, File.ReadLines("/proc/self/maps").Count(), resident);
    }

    /// <inheritdoc/>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture, $"{Elapsed.TotalSeconds,6:f0} s  {Migrations,8} migrations  {Maps,6} maps  {ResidentBytes >> 20,6} MiB resident");
}
