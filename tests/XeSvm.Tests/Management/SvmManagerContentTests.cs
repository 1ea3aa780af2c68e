using CsCheck;
using XeSvm.Management;
using XeSvm.Simulation;
using XeSvm.Tests.Software;
using Xunit.Abstractions;

namespace XeSvm.Tests.Management;

/// <summary>Hints, policies, prefetches and injected failures in any order: content is what a model without any of them says.</summary>
[Collection(nameof(SoftwareCollection))]
public sealed class SvmManagerContentTests(ITestOutputHelper output)
{
    private const int Buffers = 3;
    private const int Words = 5 << 18;

    private enum Act
    {
        CpuStore,
        GpuStore,
        GpuCopy,
        Hint,
        Use,
        EndUse,
        Prefetch,
        Policy,
        Balance,
        Renew,
    }

    [Theory]
    [InlineData("")]
    [InlineData("seed=3; vram:p=0.1")]
    [InlineData("seed=4; copy:p=0.05; link:p=0.05; iova:p=0.05; isolate:p=0.1")]
    public void No_hint_and_no_failure_changes_content(string plan) =>
        Gen.Select(Gen.Enum<Act>(), Gen.Int[0, Buffers - 1], Gen.Int[0, Words - 1], Gen.Int[0, Words - 1], Gen.Int[0, 99])
            .Array[20, 60].Sample(acts => Run(acts, plan), iter: 12, threads: 1);

    [Fact]
    public async Task Threads_that_compute_hint_prefetch_balance_and_dispose_at_once_lose_nothing()
    {
        int seed = Environment.TickCount;
        output.WriteLine($"seed {seed}");
        using ManagedMachine machine = new(
            new SvmManagerOptions { BlockBytes = 2 << 20, VramLimit = 12 << 20, Policy = new HotRanges(0.4, 0.8) }, vramBytes: 16 << 20);
        using CancellationTokenSource stop = new();
        Task balancing = machine.Manager.BalanceAsync(TimeSpan.FromMilliseconds(1), stop.Token);
        Task[] workers = [.. Enumerable.Range(0, 4).Select(worker => Task.Run(async () =>
        {
            Random random = new(seed + worker);
            for (int round = 0; round < 6; round++)
            {
                await Compute(machine, random);
            }
        }))];

        await Task.WhenAll(workers);
        await stop.CancelAsync();
        await balancing.WaitAsync(ManagedMachine.Timeout);
        Assert.Empty(machine.Manager.GetPlacement());
    }

    /// <summary>One buffer: stores by CPU and GPU, prefetches, hints and uses; some prefetches are cancelled at a random moment.</summary>
    private static async Task Compute(ManagedMachine machine, Random random)
    {
        SvmManager manager = machine.Manager;
        using XeQueue queue = manager.Vm.CreateQueue(machine.Device.FindEngine(XeEngineClass.Copy));
        using GpuBatch batch = manager.Vm.CreateBatch(4096);
        using SvmBuffer<uint> buffer = manager.Allocate<uint>((nuint)Words);
        uint[] expected = new uint[64];
        for (int step = 0; step < 24; step++)
        {
            nuint word = (nuint)random.Next(Words);
            GpuRange part = buffer.Slice(word, Math.Min((nuint)random.Next(1, Words), (nuint)Words - word)).Range;
            int slot = random.Next(expected.Length);
            buffer[(nuint)slot * (Words / 64)] = expected[slot] = (uint)random.Next();
            slot = random.Next(expected.Length);
            batch.Reset();
            batch.StoreDword(buffer.GpuAddressOf((nuint)slot * (Words / 64)), expected[slot] = (uint)random.Next());
            batch.End();
            queue.Submit(batch).Wait(ManagedMachine.Timeout);
            switch (random.Next(5))
            {
                case 0:
                    manager.Hint(part, (SvmHint)random.Next(4));
                    break;
                case 1:
                    using (manager.Use(part))
                    {
                        manager.Prefetch(part, MemoryLocation.Device());
                    }

                    break;
                case 2:
                    manager.Prefetch(part, MemoryLocation.System);
                    break;
                default:
                    using (CancellationTokenSource cancel = new())
                    {
                        Task<SvmPrefetchOutcome> prefetch = manager.PrefetchAsync(part, MemoryLocation.Device(), cancel.Token);
                        cancel.CancelAfter(random.Next(3));
                        await ((Task)prefetch).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                    }

                    break;
            }
        }

        for (int slot = 0; slot < expected.Length; slot++)
        {
            Assert.Equal(expected[slot], buffer[(nuint)slot * (Words / 64)]);
        }
    }

    private static void Run((Act Act, int Buffer, int Word, int Other, int Value)[] acts, string plan)
    {
        using ManagedMachine machine = new(
            new SvmManagerOptions { BlockBytes = 2 << 20, VramLimit = 8 << 20 },
            vramBytes: 10 << 20,
            plan.Length == 0 ? FaultPlan.None : FaultPlan.Parse(plan));
        SvmManager manager = machine.Manager;
        SvmBuffer<uint>[] buffers = [.. Enumerable.Range(0, Buffers).Select(_ => manager.Allocate<uint>(Words))];
        uint[][] model = [.. Enumerable.Range(0, Buffers).Select(_ => new uint[Words])];
        Stack<SvmUse> uses = new();
        foreach ((Act act, int number, int word, int other, int value) in acts)
        {
            SvmBuffer<uint> buffer = buffers[number];
            GpuRange range = buffer.Slice((nuint)word, Math.Min((nuint)other + 1, (nuint)(Words - word))).Range;
            switch (act)
            {
                case Act.CpuStore:
                    buffer[(nuint)word] = model[number][word] = (uint)value;
                    break;
                case Act.GpuStore:
                    Assert.True(machine.TryStore(buffer.GpuAddressOf((nuint)word), (uint)value).IsSuccess);
                    model[number][word] = (uint)value;
                    break;
                case Act.GpuCopy:
                    Copy(machine, buffers, model, number, word, other);
                    break;
                case Act.Hint:
                    manager.Hint(range, (SvmHint)(value % 4));
                    break;
                case Act.Use:
                    uses.Push(manager.Use(range));
                    break;
                case Act.EndUse:
                    uses.TryPop(out SvmUse use);
                    use.Dispose();
                    break;
                case Act.Prefetch:
                    _ = manager.TryPrefetch(
                        range,
                        (value % 3) switch { 0 => MemoryLocation.Default, 1 => MemoryLocation.System, _ => MemoryLocation.Device() },
                        out _);
                    break;
                case Act.Policy:
                    manager.Policy = (value % 5) switch
                    {
                        0 => new FirstTouch(),
                        1 => new PreferDevice(),
                        2 => new PreferSystem(),
                        3 => new HotRanges(0.2, 0.7),
                        _ => new Budget(4 << 20, new HotRanges()),
                    };
                    break;
                case Act.Balance:
                    manager.Balance();
                    break;
                default:
                    buffer.Dispose();
                    buffers[number] = manager.Allocate<uint>(Words);
                    model[number].AsSpan().Clear();
                    break;
            }
        }

        for (int number = 0; number < Buffers; number++)
        {
            Assert.Equal(-1, Difference(buffers[number].Span, model[number]));
            buffers[number].Dispose();
        }
    }

    private static void Copy(ManagedMachine machine, SvmBuffer<uint>[] buffers, uint[][] model, int number, int word, int other)
    {
        int from = (number + 1) % Buffers;
        int length = Math.Min(Words - Math.Max(word, other), 70_000);
        machine.Batch.Reset();
        machine.Batch.Copy(buffers[number].GpuAddressOf((nuint)word), buffers[from].GpuAddressOf((nuint)other), (ulong)length * sizeof(uint));
        machine.Batch.End();
        machine.Queue.Submit(machine.Batch).Wait(ManagedMachine.Timeout);
        model[from].AsSpan(other, length).CopyTo(model[number].AsSpan(word, length));
    }

    private static int Difference(ReadOnlySpan<uint> found, ReadOnlySpan<uint> expected)
    {
        int same = found.CommonPrefixLength(expected);
        return same == expected.Length ? -1 : same;
    }
}
