using System.Diagnostics;
using System.Globalization;

using XeSvm.Simulation.Tests.Driver;

using Xunit.Abstractions;

namespace XeSvm.Simulation.Tests.Svm;

/// <summary>
/// CPU threads count in memory that the GPU stores to and pulls into VRAM all the time, while garbage collections run. The words of the
/// two sides are neighbours on the same pages: an update lost on the way between system memory and VRAM shows as a wrong count.
/// </summary>
public unsafe class CpuAndGpuStressTests(ITestOutputHelper output)
{
    private const ulong Block = 2 << 20;
    private const ulong Bytes = 2 * Block;
    private const int CpuThreads = 2;

    private static TimeSpan Duration => TimeSpan.FromSeconds(
        double.Parse(Environment.GetEnvironmentVariable("XESVM_STRESS_SECONDS") ?? "10", CultureInfo.InvariantCulture));

    [Theory]
    [InlineData("auto")]
    [InlineData("coherent")]
    public void No_update_is_lost_while_GPU_and_CPU_write_the_same_pages_and_GC_runs(string cpuFaults)
    {
        int seed = Environment.TickCount;
        output.WriteLine($"seed {seed}");
        using var gpu = new GpuClient(new SoftwareBackendOptions { VramBytes = 64 << 20, CpuFaults = cpuFaults });
        ulong memory = GpuClient.Map(Bytes, Block);
        GpuClient.Touch(memory, Bytes);
        ulong pages = Bytes / 4096;
        long deadline = Stopwatch.GetTimestamp() + (long)(Duration.TotalSeconds * Stopwatch.Frequency);
        var counts = new long[CpuThreads][];
        var failures = new List<string>();
        var threads = new List<Thread>();
        for (int t = 0; t < CpuThreads; t++)
        {
            int thread = t;
            threads.Add(new Thread(() => counts[thread] = Count(memory, pages, thread, seed, deadline)));
        }

        long collections = 0;
        threads.Add(new Thread(() => collections = Collect(deadline)));
        threads.ForEach(thread => thread.Start());
        uint[] stored = StoreByGpu(gpu, memory, pages, seed, deadline, failures);
        Assert.All(threads, thread => Assert.True(thread.Join(TimeSpan.FromMinutes(10)), "A thread hangs."));

        long total = 0;
        for (ulong page = 0; page < pages; page++)
        {
            byte* at = (byte*)(memory + (page << 12));
            for (int t = 0; t < CpuThreads; t++)
            {
                long expected = counts[t][page];
                total += expected;
                Check(*(long*)(at + 64 + (t * 8)) == expected, $"page {page}: thread {t} counted {expected}, memory has {*(long*)(at + 64 + (t * 8))}");
            }

            Check(*(uint*)(at + 128) == stored[page], $"page {page}: the GPU stored {stored[page]}, memory has {*(uint*)(at + 128)}");
        }

        long moved = gpu.Counter("svm_device_copy_kb") / 2048;
        output.WriteLine($"{total} CPU increments, {stored.Max()} GPU stores, {moved} blocks to VRAM, {gpu.Counter("svm_cpu_copy_kb") / 2048} home, {collections} collections");
        output.WriteLine(gpu.Backend);
        Assert.Empty(failures);
        Assert.Equal("clean\n", gpu.File.ReadDebugFile("dma_audit").Text);
        Assert.True(moved > 1, "Nothing migrated, so nothing was tested.");
        GpuClient.Unmap(memory, Bytes);

        void Check(bool condition, string message)
        {
            if (!condition && failures.Count < 10)
            {
                failures.Add(message);
            }
        }
    }

    private static long[] Count(ulong memory, ulong pages, int thread, int seed, long deadline)
    {
        var counts = new long[pages];
        var random = new Random(seed + thread);
        while (Stopwatch.GetTimestamp() < deadline)
        {
            int page = random.Next((int)pages);
            long* counter = (long*)(memory + ((ulong)page << 12) + 64 + ((ulong)thread * 8));
            int times = random.Next(1, 64);
            for (int i = 0; i < times; i++)
            {
                (*counter)++;
            }

            counts[page] += times;
        }

        return counts;
    }

    private static uint[] StoreByGpu(GpuClient gpu, ulong memory, ulong pages, int seed, long deadline, List<string> failures)
    {
        var stored = new uint[pages];
        var random = new Random(seed - 1);
        uint value = 1;
        while (Stopwatch.GetTimestamp() < deadline)
        {
            int page = random.Next((int)pages);
            int result = gpu.Store(memory + ((ulong)page << 12) + 128, value);
            if (result < 0)
            {
                failures.Add($"store {value} into page {page}: {result}");
                break;
            }

            stored[page] = value++;

            // A range that lost the race against the CPU once stays in system memory, as in the kernel, until it is asked for again; and
            // without CPU faults a request is the only way home.
            int dice = random.Next(8);
            if (dice < 4)
            {
                gpu.Prefetch((memory + ((ulong)page << 12)) & ~(Block - 1), Block, region: dice == 0 ? 0u : 1u);
            }
        }

        return stored;
    }

    /// <summary>Garbage collections one after the other, with something to collect.</summary>
    private static long Collect(long deadline)
    {
        long collections = 0;
        while (Stopwatch.GetTimestamp() < deadline)
        {
            GC.KeepAlive(new byte[1 << 16]);
            GC.Collect(collections++ % 3 == 0 ? 2 : 0, GCCollectionMode.Forced, blocking: true);

            // Leave the others some time between two stops of the world.
            Thread.SpinWait(10_000);
        }

        return collections;
    }
}
