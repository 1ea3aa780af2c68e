using XeSvm.Interop;
using XeSvm.Management;
using XeSvm.Tests.Software;

namespace XeSvm.Tests.Management;

/// <summary>What a manager does for one program, on the software backend.</summary>
[Collection(nameof(SoftwareCollection))]
public sealed class SvmManagerTests
{
    private const ulong Mega = 1 << 20;

    private static readonly MemoryLocation s_vram = MemoryLocation.Device();

    [Fact]
    public void Memory_that_was_prefetched_does_not_fault_and_is_in_the_account()
    {
        using ManagedMachine machine = new();
        using SvmBuffer<uint> buffer = machine.Manager.Allocate<uint>((nuint)Mega);
        buffer.Span.Fill(7);

        SvmPrefetchOutcome outcome = machine.Manager.Prefetch(buffer.Range, s_vram);
        ulong faults = machine.FaultsOf(() => Assert.True(machine.TryStore(buffer.GpuAddress, 8).IsSuccess));

        Assert.Equal(new SvmPrefetchOutcome(4 * Mega, 4 * Mega, 0, 0), outcome);
        Assert.Equal(0UL, faults);
        Assert.Equal([s_vram, s_vram], machine.Manager.GetPlacement().Select(block => block.Location));
        Assert.Equal((8u, 7u), (buffer[0], buffer[1]));
    }

    [Fact]
    public void A_prefetch_into_full_vram_moves_the_coldest_out_first()
    {
        using ManagedMachine machine = new(new SvmManagerOptions { BlockBytes = 2 << 20, VramLimit = 8 * Mega });
        using SvmBuffer<uint> old = machine.Manager.Allocate<uint>((nuint)(2 * Mega));
        using SvmBuffer<uint> next = machine.Manager.Allocate<uint>((nuint)Mega);
        old.Span.Fill(1);
        next.Span.Fill(2);
        machine.Manager.Prefetch(old.Range, s_vram);
        machine.Manager.Hint(old.Slice(0, 1).Range, SvmHint.WillNotUse);
        machine.Manager.Hint(old.Slice((nuint)(3 * Mega / 2), 1).Range, SvmHint.WillNotUse);

        SvmPrefetchOutcome outcome = machine.Manager.Prefetch(next.Range, s_vram);

        Assert.Equal(new SvmPrefetchOutcome(4 * Mega, 4 * Mega, 4 * Mega, 0), outcome);
        Dictionary<ulong, MemoryLocation> places = machine.Manager.GetPlacement().ToDictionary(block => block.Range.Address, block => block.Location);
        Assert.Equal(
            [MemoryLocation.System, s_vram, s_vram, MemoryLocation.System],
            Enumerable.Range(0, 4).Select(index => places[old.GpuAddress + (ulong)index * 2 * Mega]));
        Assert.True(old.Span.IndexOfAnyExcept(1u) < 0 && next.Span.IndexOfAnyExcept(2u) < 0);
    }

    [Fact]
    public void What_is_in_use_is_not_moved_out_and_what_has_no_room_is_left_out()
    {
        using ManagedMachine machine = new(new SvmManagerOptions { BlockBytes = 2 << 20, VramLimit = 4 * Mega });
        using SvmBuffer<uint> used = machine.Manager.Allocate<uint>((nuint)Mega);
        using SvmBuffer<uint> next = machine.Manager.Allocate<uint>((nuint)Mega);
        machine.Manager.Prefetch(used.Range, s_vram);
        SvmUse use = machine.Manager.Use(used.Slice(0, 1).Range);

        SvmPrefetchOutcome outcome = machine.Manager.Prefetch(next.Range, s_vram);
        use.Dispose();
        use.Dispose();
        SvmPrefetchOutcome later = machine.Manager.Prefetch(next.Range, s_vram);

        Assert.Equal(new SvmPrefetchOutcome(4 * Mega, 2 * Mega, 2 * Mega, 2 * Mega), outcome);
        Assert.False(outcome.IsWhole);
        Assert.Equal(new SvmPrefetchOutcome(4 * Mega, 4 * Mega, 2 * Mega, 0), later);
        Assert.Equal(default, use.Range);
    }

    [Fact]
    public async Task A_prefetch_waits_until_memory_is_not_in_use_any_more()
    {
        using ManagedMachine machine = new(new SvmManagerOptions { BlockBytes = 2 << 20, VramLimit = 4 * Mega });
        using SvmBuffer<uint> used = machine.Manager.Allocate<uint>((nuint)Mega);
        using SvmBuffer<uint> next = machine.Manager.Allocate<uint>((nuint)Mega);
        machine.Manager.Prefetch(used.Range, s_vram);
        SvmUse use = machine.Manager.Use(used.Range);
        using CancellationTokenSource cancel = new();

        Task<SvmPrefetchOutcome> cancelled = machine.Manager.PrefetchAsync(next.Range, s_vram, cancel.Token);
        Task<SvmPrefetchOutcome> waiting = machine.Manager.PrefetchAsync(next.Range, s_vram);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled);
        Assert.False(waiting.IsCompleted);
        use.Dispose();

        Assert.Equal(new SvmPrefetchOutcome(4 * Mega, 4 * Mega, 4 * Mega, 0), await waiting.WaitAsync(ManagedMachine.Timeout));
    }

    [Fact]
    public async Task A_prefetch_that_could_never_have_room_does_not_wait_for_it()
    {
        using ManagedMachine machine = new(new SvmManagerOptions { BlockBytes = 2 << 20, VramLimit = 4 * Mega });
        using SvmBuffer<uint> buffer = machine.Manager.Allocate<uint>((nuint)(3 * Mega));

        SvmPrefetchOutcome outcome = await machine.Manager.PrefetchAsync(buffer.Range, s_vram).WaitAsync(ManagedMachine.Timeout);

        Assert.Equal(new SvmPrefetchOutcome(12 * Mega, 4 * Mega, 0, 8 * Mega), outcome);
    }

    [Fact]
    public async Task Disposing_the_manager_ends_what_waits_and_buffers_keep_their_content()
    {
        ManagedMachine machine = new(new SvmManagerOptions { BlockBytes = 2 << 20, VramLimit = 4 * Mega });
        using SvmBuffer<uint> used = machine.Manager.Allocate<uint>((nuint)Mega);
        using SvmBuffer<uint> next = machine.Manager.Allocate<uint>((nuint)Mega);
        used.Span.Fill(3);
        machine.Manager.Prefetch(used.Range, s_vram);
        SvmUse use = machine.Manager.Use(used.Range);
        Assert.True(machine.TryStore(used.GpuAddress, 4).IsSuccess);
        Task<SvmPrefetchOutcome> waiting = machine.Manager.PrefetchAsync(next.Range, s_vram);
        Task balancing = machine.Manager.BalanceAsync(TimeSpan.FromHours(1));

        machine.Manager.Dispose();
        machine.Manager.Dispose();

        await Assert.ThrowsAsync<ObjectDisposedException>(() => waiting.WaitAsync(ManagedMachine.Timeout));
        await balancing.WaitAsync(ManagedMachine.Timeout);
        Assert.Throws<ObjectDisposedException>(() => machine.Manager.Prefetch(used.Range, s_vram));
        Assert.Throws<ObjectDisposedException>(() => machine.Manager.Allocate<int>(1));
        Assert.Throws<ObjectDisposedException>(() => machine.Manager.Balance());
        use.Dispose();
        machine.Dispose();
        Assert.Equal((4u, 3u), (used[0], used[1]));
    }

    [Fact]
    public void Hints_and_the_policy_decide_what_a_balancing_moves_and_advises()
    {
        using ManagedMachine machine = new(new SvmManagerOptions { BlockBytes = 2 << 20, Policy = new PreferDevice() });
        using SvmBuffer<uint> buffer = machine.Manager.Allocate<uint>((nuint)Mega);
        buffer.Span.Fill(5);
        SvmBalanceReport? told = null;
        machine.Manager.Balanced += (_, balanced) => told = balanced.Report;

        machine.Manager.Hint(buffer.Slice(0, 1).Range, SvmHint.WillUseOnDevice);
        SvmBalanceReport first = machine.Manager.Balance();
        SvmBalanceReport again = machine.Manager.Balance();
        machine.Manager.Policy = new PreferSystem();
        SvmBalanceReport home = machine.Manager.Balance();

        Assert.Equal(("prefer-device", 4 * Mega, 2 * Mega), (first.Policy, first.AdvisedBytes, first.Prefetches.PrefetchedBytes));
        Assert.Equal((0UL, 0UL), (again.AdvisedBytes, again.Prefetches.RequestedBytes));
        Assert.True(again.Activity.IsKnown);
        Assert.Equal(2 * Mega, again.Activity.ToDeviceBytes);
        Assert.Equal((4 * Mega, 2 * Mega), (home.AdvisedBytes, home.Prefetches.PrefetchedBytes));
        Assert.Equal(home, told);
        Assert.All(buffer.GetAttributes(), attributes => Assert.Equal(MemoryLocation.System, attributes.PreferredLocation));
        Assert.Equal(0UL, machine.FaultsOf(() => Assert.True(machine.TryStore(buffer.GpuAddress, 6).IsSuccess)));
        Assert.Equal((6u, 5u), (buffer[0], buffer[1]));
    }

    [Fact]
    public void Hot_ranges_bring_what_is_used_into_vram_and_make_room_for_it()
    {
        using ManagedMachine machine = new(new SvmManagerOptions
        {
            BlockBytes = 2 << 20,
            VramLimit = 8 * Mega,
            Policy = new HotRanges(0.5, 1),
        });
        using SvmBuffer<uint> buffer = machine.Manager.Allocate<uint>((nuint)(4 * Mega));
        buffer.Span.Fill(9);
        GpuRange first = buffer.Slice(0, (nuint)(2 * Mega)).Range;
        GpuRange second = buffer.Slice((nuint)(2 * Mega), (nuint)(2 * Mega)).Range;

        machine.Manager.Use(first).Dispose();
        machine.Manager.Balance();
        MemoryLocation[] before = [.. machine.Manager.GetPlacement().Select(block => block.Location)];
        machine.Manager.Prefetch(second, s_vram);
        machine.Manager.Use(second).Dispose();
        machine.Manager.Balance();

        Assert.Equal([s_vram, s_vram, s_vram, s_vram], before[..4]);
        Assert.All(before[4..], location => Assert.True(location.IsDefault));
        Assert.All(machine.Manager.GetPlacement().Take(4), block => Assert.Equal(MemoryLocation.System, block.Location));
        Assert.True(buffer.Span.IndexOfAnyExcept(9u) < 0);
    }

    [Fact]
    public async Task A_batch_of_prefetches_is_one_plan()
    {
        using ManagedMachine machine = new();
        using SvmBuffer<uint> buffer = machine.Manager.Allocate<uint>((nuint)(2 * Mega));
        SvmPrefetchEventArgs? told = null;
        machine.Manager.Prefetched += (_, prefetched) => told = prefetched;

        SvmPrefetchOutcome outcome = await machine.Manager.PrefetchAsync(new SvmPrefetch[]
        {
            new(buffer.Range, s_vram),
            new(buffer.Slice(0, (nuint)Mega).Range, MemoryLocation.System),
            new(buffer.Slice((nuint)Mega, 1).Range, s_vram),
        });

        Assert.Equal(new SvmPrefetchOutcome(8 * Mega, 8 * Mega, 0, 0), outcome);
        Assert.Equal(
            [MemoryLocation.System, MemoryLocation.System, s_vram, s_vram], machine.Manager.GetPlacement().Select(block => block.Location));
        Assert.Equal((outcome, true), (told!.Outcome, told.Result.IsSuccess));
    }

    [Fact]
    public unsafe void Memory_of_the_program_can_be_managed_and_released()
    {
        using ManagedMachine machine = new();
        using SvmBuffer<byte> own = machine.Manager.Vm.Allocate<byte>((nuint)(4 * Mega));

        SvmRange range = machine.Manager.Manage((nint)own.GpuAddress + 5000, (nuint)(3 * Mega));

        Assert.Equal(new GpuRange(own.GpuAddress + 4096, 3 * Mega + 4096), range.Range);
        Assert.Equal(2, machine.Manager.GetPlacement().Count);
        Assert.Throws<ArgumentException>(() => machine.Manager.Manage((nint)own.GpuAddress, 5000));
        Assert.Throws<ArgumentException>(() => machine.Manager.Hint(own.Range, SvmHint.WillNotUse));
        Assert.Throws<ArgumentException>(() => machine.Manager.Release(own.SvmRange));
        Assert.Throws<ArgumentOutOfRangeException>(() => machine.Manager.Hint(range.Range, (SvmHint)9));
        machine.Manager.Release(range);
        Assert.Empty(machine.Manager.GetPlacement());
        Assert.Throws<ArgumentException>(() => machine.Manager.Use(range.Range));
    }

    [Fact]
    public void A_buffer_that_is_disposed_leaves_the_account_and_its_room()
    {
        using ManagedMachine machine = new(new SvmManagerOptions { BlockBytes = 2 << 20, VramLimit = 4 * Mega });
        SvmBuffer<uint> gone = machine.Manager.Allocate<uint>((nuint)Mega);
        machine.Manager.Prefetch(gone.Range, s_vram);
        SvmUse use = machine.Manager.Use(gone.Range);
        gone.Dispose();
        using SvmBuffer<uint> next = machine.Manager.Allocate<uint>((nuint)Mega);

        SvmPrefetchOutcome outcome = machine.Manager.Prefetch(next.Range, s_vram);
        use.Dispose();

        Assert.Equal(new SvmPrefetchOutcome(4 * Mega, 4 * Mega, 0, 0), outcome);
        Assert.Equal(2, machine.Manager.GetPlacement().Count);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void When_the_device_is_lost_all_data_can_be_read_and_written(bool inTheMiddle)
    {
        using ManagedMachine machine = new(new SvmManagerOptions { BlockBytes = 2 << 20, Policy = new PreferDevice() });
        using SvmBuffer<uint> buffer = machine.Manager.Allocate<uint>((nuint)(4 * Mega));
        for (nuint index = 0; index < buffer.Length; index++)
        {
            buffer[index] = (uint)index;
        }

        int losses = 0;
        machine.Manager.DeviceLost += (_, _) => losses++;
        machine.Manager.Prefetch(buffer.Slice(0, (nuint)(2 * Mega)).Range, s_vram);
        Assert.True(machine.TryStore(buffer.GpuAddress, 77).IsSuccess);
        if (inTheMiddle)
        {
            machine.Backend.Faults.Add(new Simulation.FaultRule(Simulation.FaultPoint.DeviceLost) { At = 1 });
        }
        else
        {
            machine.Backend.DeclareWedged();
        }

        XeResult result = default;
        for (int attempt = 0; attempt < 1000 && result.IsSuccess; attempt++)
        {
            result = machine.Manager.TryPrefetch(buffer.Range, attempt % 2 == 0 ? s_vram : MemoryLocation.System, out _);
        }

        SvmBalanceReport report = machine.Manager.Balance();

        Assert.Equal(Errno.ECANCELED, result.Errno);
        Assert.False(report.Result.IsSuccess);
        Assert.True(machine.Manager.IsDeviceLost);
        Assert.Equal(1, losses);
        Assert.Throws<XeException>(() => machine.Manager.Prefetch(buffer.Range, s_vram));
        Assert.Equal(77u, buffer[0]);
        for (nuint index = 1; index < buffer.Length; index++)
        {
            Assert.Equal((uint)index, buffer[index]);
        }
    }

    [Fact]
    public void A_device_without_vram_is_managed_without_moves()
    {
        using ManagedMachine machine = new(new SvmManagerOptions { Policy = new HotRanges() }, device: "lnl");
        using SvmBuffer<uint> buffer = machine.Manager.Allocate<uint>((nuint)Mega);
        machine.Manager.Hint(buffer.Range, SvmHint.WillUseOnDevice);

        SvmBalanceReport report = machine.Manager.Balance();
        SvmPrefetchOutcome outcome = machine.Manager.Prefetch(buffer.Range, s_vram);

        Assert.Equal((0UL, true), (report.Prefetches.RequestedBytes, report.Result.IsSuccess));
        Assert.Equal(new SvmPrefetchOutcome(4 * Mega, 0, 0, 4 * Mega), outcome);
        Assert.True(machine.TryStore(buffer.GpuAddress, 1).IsSuccess);
        Assert.Equal(1u, buffer[0]);
    }

    [Fact]
    public void Options_that_make_no_sense_are_refused()
    {
        using ManagedMachine machine = new();
        foreach (SvmManagerOptions options in (SvmManagerOptions[])
            [
                new() { BlockBytes = 3 << 20 },
                new() { BlockBytes = 1 << 20 },
                new() { BlockBytes = 2UL << 30 },
                new() { VramIndex = -1 },
                new() { VramIndex = 1 },
            ])
        {
            Assert.Throws<ArgumentException>(() => new SvmManager(machine.Device, options));
        }
    }

    [Fact]
    public void A_policy_that_balances_its_manager_is_refused()
    {
        using ManagedMachine machine = new();
        machine.Manager.Policy = new Meddler(machine.Manager);

        Assert.Throws<InvalidOperationException>(() => machine.Manager.Balance());
        machine.Manager.Policy = new FirstTouch();
        Assert.True(machine.Manager.Balance().Result.IsSuccess);
    }

    [Fact]
    public void Steady_calls_allocate_nothing()
    {
        using ManagedMachine machine = new(new SvmManagerOptions { BlockBytes = 2 << 20, VramLimit = 4 * Mega });
        using SvmBuffer<uint> one = machine.Manager.Allocate<uint>((nuint)Mega);
        using SvmBuffer<uint> other = machine.Manager.Allocate<uint>((nuint)Mega);
        (GpuRange first, GpuRange second) = (one.Range, other.Range);
        long least = long.MaxValue;

        // The other rounds are for what is made when it is first needed; what allocates with each call allocates in all of them.
        for (int round = 0; round < 10 && least > 0; round++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int call = 0; call < 10; call++)
            {
                machine.Manager.Prefetch(first, s_vram);
                machine.Manager.Prefetch(second, s_vram);
                machine.Manager.Prefetch(second, MemoryLocation.System);
                machine.Manager.Hint(first, SvmHint.WillUseOnDevice);
                machine.Manager.Use(first).Dispose();
            }

            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        Assert.Equal(0, least);
    }

    private sealed class Meddler(SvmManager manager) : PlacementPolicy
    {
        public override string Name => "meddler";

        public override void Place(in PlacementState state, ReadOnlySpan<PlacementBlock> blocks, Span<PlacementDecision> decisions) =>
            manager.Balance();
    }
}
