using System.Diagnostics;

using XeSvm.Simulation.Memory;
using XeSvm.Simulation.Tests.Driver;
using XeSvm.Simulation.Tests.Svm.Torture;

namespace XeSvm.Simulation.Tests.Svm;

/// <summary>Memory that an atomic access has brought to VRAM stays there for a time, whatever the CPU wants.</summary>
[Trait("Rule", "svm 8")]
[Collection(TortureCollection.Name)]
public sealed unsafe class AtomicTimesliceTests : IDisposable
{
    private const ulong Block = 2 << 20;
    private const uint AtomicIncrement = 0x17800501;
    private static readonly TimeSpan s_long = TimeSpan.FromMilliseconds(40);

    private readonly GpuClient _gpu = new(new SoftwareBackendOptions { VramBytes = 64 << 20 });
    private readonly ulong _memory = GpuClient.Map(Block, Block);

    public AtomicTimesliceTests()
    {
        GpuClient.Touch(_memory, Block);
        _gpu.Device.AtomicTimeslice = s_long;
    }

    public void Dispose()
    {
        _gpu.Dispose();
        GpuClient.Unmap(_memory, Block);
    }

    [Fact]
    [Trait("Rule", "svm 5.3.timeslice")]
    public void The_timeslice_is_5_milliseconds_unless_it_is_set()
    {
        using var other = new GpuClient(new SoftwareBackendOptions { VramBytes = 64 << 20 });
        Assert.Equal(TimeSpan.FromMilliseconds(5), other.Device.AtomicTimeslice);
    }

    [SkippableFact]
    [Trait("Rule", "svm 5.3.timeslice")]
    [Trait("Rule", "svm 8.cpu")]
    public void A_CPU_touch_waits_until_the_timeslice_has_passed()
    {
        Skip.If(_gpu.IsCoherent, "Without userfaultfd no CPU touch is seen.");
        uint before = *(uint*)(_memory + 0x2000);
        long begin = Stopwatch.GetTimestamp();
        Assert.Equal(0, Increment());
        Assert.Equal(before + 1, *(uint*)(_memory + 0x2000));
        Assert.True(Stopwatch.GetElapsedTime(begin) >= s_long, "The CPU had the page before the timeslice had passed.");
        Assert.Equal(1, _gpu.Counter("svm_2M_migrate_count"));
    }

    [SkippableFact]
    public void An_ordinary_access_holds_nothing()
    {
        Skip.If(_gpu.IsCoherent, "Without userfaultfd no CPU touch is seen.");
        _gpu.Device.AtomicTimeslice = TimeSpan.FromHours(1);
        Assert.Equal(0, _gpu.Store(_memory + 8, 1));
        Assert.Equal(1u, *(uint*)(_memory + 8));
    }

    [SkippableFact]
    [Trait("Rule", "svm 8.pressure")]
    public void Eviction_does_not_wait_for_the_end_of_a_timeslice()
    {
        Skip.If(_gpu.IsCoherent, "Without userfaultfd no CPU touch is seen.");
        _gpu.Device.AtomicTimeslice = TimeSpan.FromHours(1);
        uint before = *(uint*)(_memory + 0x2000);
        Assert.Equal(0, Increment());
        _gpu.Device.Pagemap.EvictAll();
        Assert.Equal(before + 1, *(uint*)(_memory + 0x2000));
        Assert.Equal(Residency.System, _gpu.Device.Client.Residency.Examine(_memory, _memory + Block, out _));
    }

    [SkippableFact]
    public void A_thread_that_counts_beside_atomics_costs_few_migrations_and_no_count()
    {
        Skip.If(_gpu.IsCoherent, "Without userfaultfd no CPU touch is seen.");
        _gpu.Device.AtomicTimeslice = TimeSpan.FromMilliseconds(5);
        uint before = *(uint*)(_memory + 0x2000);
        bool done = false;
        ulong counted = 0;
        *(ulong*)(_memory + 0x3000) = 0;
        var cpu = new Thread(() =>
        {
            while (!Volatile.Read(ref done))
            {
                (*(ulong*)(_memory + 0x3000))++;
                counted++;
            }
        });
        cpu.Start();
        for (int i = 0; i < 200; i++)
        {
            Assert.Equal(0, Increment());
        }

        Volatile.Write(ref done, true);
        cpu.Join();
        Assert.Equal((before + 200, counted), (*(uint*)(_memory + 0x2000), *(ulong*)(_memory + 0x3000)));
    }

    [SkippableTheory]
    [InlineData(1)]
    [InlineData(3)]
    public void Threads_that_count_without_any_pause_do_not_keep_the_page_from_the_atomics_of_the_GPU(int threads)
    {
        Skip.If(_gpu.IsCoherent, "Without userfaultfd no CPU touch is seen.");
        const int batches = 60;
        const int perBatch = 50;
        _gpu.Device.AtomicTimeslice = TimeSpan.FromMilliseconds(5);
        uint* word = (uint*)(_memory + 0x2000);
        *word = 0;
        uint[] batch = [.. Enumerable.Repeat<uint[]>([AtomicIncrement, (uint)(ulong)word, (uint)((ulong)word >> 32)], perBatch).SelectMany(command => command)];
        bool done = false;
        long counted = 0;
        Thread[] counters = [.. Enumerable.Range(0, threads).Select(_ => new Thread(Count))];
        foreach (Thread counter in counters)
        {
            counter.Start();
        }

        var results = new int[batches];
        for (int number = 0; number < batches; number++)
        {
            results[number] = _gpu.Run(batch);
        }

        Volatile.Write(ref done, true);
        foreach (Thread counter in counters)
        {
            counter.Join();
        }

        Assert.All(results, result => Assert.Equal(0, result));
        Assert.Equal((uint)((batches * perBatch) + counted), *word);

        void Count()
        {
            long count = 0;
            while (!Volatile.Read(ref done))
            {
                Interlocked.Increment(ref *word);
                count++;
            }

            Interlocked.Add(ref counted, count);
        }
    }

    private int Increment() => _gpu.Run(AtomicIncrement, (uint)(_memory + 0x2000), (uint)((_memory + 0x2000) >> 32));
}
