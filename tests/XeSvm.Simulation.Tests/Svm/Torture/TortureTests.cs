using System.Diagnostics;
using System.Globalization;

using XeSvm.Simulation.Tests.Driver;

using Xunit.Abstractions;

namespace XeSvm.Simulation.Tests.Svm.Torture;

/// <summary>
/// Everything at once: CPU threads that read, write, drop and replace memory, GPU queues that store, copy and add to it, prefetches, advice,
/// eviction, and injected faults. Every byte is checked against a model. <c>XESVM_TORTURE_SECONDS</c> is the length.
/// </summary>
[Collection(TortureCollection.Name)]
public class TortureTests(ITestOutputHelper output)
{
    private const int Blocks = 24;
    private const ulong Vram = 16 << 20;
    private const long MostMapsMore = 2000;
    private const long MostResidentMore = 128 << 20;
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(1);

    private static double Seconds => double.Parse(Environment.GetEnvironmentVariable("XESVM_TORTURE_SECONDS") ?? "10", CultureInfo.InvariantCulture);

    [Theory]
    [InlineData("auto")]
    [InlineData("coherent")]
    public void No_byte_is_lost_and_nothing_grows(string cpuFaults)
    {
        int seed = Environment.TickCount & 0xfffffff;
        output.WriteLine($"seed {seed}");
        using GpuClient gpu = Open(cpuFaults, seed);
        using var memory = new TortureMemory(Blocks);
        long length = (long)(Seconds * Stopwatch.Frequency);
        var run = new TortureRun(gpu, memory, seed, Stopwatch.GetTimestamp() + length);
        long warm = Stopwatch.GetTimestamp() + (length / 3);
        List<Thread> threads = run.Start();
        SpinWait.SpinUntil(() => Stopwatch.GetTimestamp() >= warm);
        (long maps, long resident) = Measure();
        Join(threads);
        (long mapsAfter, long residentAfter) = Measure();
        run.CheckAll();
        Report(gpu, run);
        output.WriteLine($"maps {maps} -> {mapsAfter}, resident {resident >> 20} -> {residentAfter >> 20} MiB");
        Assert.Empty(run.Failures);
        Assert.Equal("clean\n", gpu.File.ReadDebugFile("dma_audit").Text);
        Assert.True(gpu.Counter("svm_device_copy_kb") > 0 && gpu.Counter("svm_cpu_copy_kb") > 0, "Nothing migrated, so nothing was tested.");
        Assert.True(gpu.Device.Options.Faults.Injected(FaultPoint.Vram) > 0, "No fault was injected.");
        Assert.True(mapsAfter - maps < MostMapsMore, $"The number of mappings has grown from {maps} to {mapsAfter}.");
        Assert.True(residentAfter - resident < MostResidentMore, $"Resident memory has grown from {resident >> 20} to {residentAfter >> 20} MiB.");
    }

    [Theory]
    [InlineData("auto")]
    [InlineData("coherent")]
    public void A_device_that_is_lost_in_the_middle_takes_no_byte_along(string cpuFaults)
    {
        int seed = Environment.TickCount & 0xfffffff;
        output.WriteLine($"seed {seed}");
        using GpuClient gpu = Open(cpuFaults, seed);
        using var memory = new TortureMemory(Blocks);
        var run = new TortureRun(gpu, memory, seed, long.MaxValue);
        List<Thread> threads = run.Start();
        Assert.True(SpinWait.SpinUntil(() => run.GpuJobs > 500 || run.Failures.Count != 0, s_patience), "Nothing happens.");
        run.ExpectLoss();
        gpu.Device.Options.Faults.Add(new FaultRule(FaultPoint.DeviceLost) { At = new Random(seed).Next(1, 200) });

        // The GPU's actors end by themselves, the CPU's go on for ever.
        foreach (Thread thread in threads.Skip(TortureRun.CpuThreads))
        {
            Assert.True(thread.Join(s_patience), $"{thread.Name} hangs.");
        }

        run.Stop();
        Join(threads);
        run.CheckAll();
        Report(gpu, run);
        Assert.Empty(run.Failures);
    }

    private static GpuClient Open(string cpuFaults, int seed) => new(new SoftwareBackendOptions
    {
        VramBytes = Vram,
        CpuFaults = cpuFaults,
        Faults = FaultPlan.Parse(
            $"seed={seed}; iova:p=0.02; link:p=0.0001; sync:p=0.01; vram:p=0.02; copy:p=0.02; isolate:p=0.02; slow-copy:p=0.02,us=300"),
    });

    private static void Join(List<Thread> threads)
    {
        foreach (Thread thread in threads)
        {
            Assert.True(thread.Join(s_patience + TimeSpan.FromSeconds(Seconds)), $"{thread.Name} hangs.");
        }
    }

    /// <summary>Mappings of this process, and bytes of memory it has.</summary>
    private static (long Maps, long Resident) Measure()
    {
        GC.Collect();
        long resident = long.Parse(File.ReadAllText("/proc/self/statm").Split(' ')[1], CultureInfo.InvariantCulture) * Environment.SystemPageSize;
        return (File.ReadLines("/proc/self/maps").Count(), resident);
    }

    private void Report(GpuClient gpu, TortureRun run)
    {
        FaultInjector faults = gpu.Device.Options.Faults;
        output.WriteLine(run.Summary);
        output.WriteLine($"{gpu.Counter("svm_device_copy_kb") >> 10} MiB to VRAM, {gpu.Counter("svm_cpu_copy_kb") >> 10} MiB home");
        output.WriteLine("injected: " + string.Join(", ", Enum.GetValues<FaultPoint>().Select(point => $"{point} {faults.Injected(point)}")));
    }
}
