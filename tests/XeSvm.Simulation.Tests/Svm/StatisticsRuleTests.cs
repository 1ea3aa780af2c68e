using XeSvm.Interop.LibC;
using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Driver;
using XeSvm.Simulation.Gpu;
using XeSvm.Simulation.Memory;
using XeSvm.Simulation.Svm;
using XeSvm.Simulation.Tests.Driver;

namespace XeSvm.Simulation.Tests.Svm;

/// <summary>Each GT statistics counter: what adds to it, when, and which interval it measures.</summary>
public unsafe class StatisticsRuleTests : IDisposable
{
    private const ulong Block = 2 << 20;
    private const ulong Chunk = 64 << 10;
    private const ulong Page = 4096;
    private const long SlowMicroseconds = 20_000;

    private readonly GpuClient _gpu = new(new SoftwareBackendOptions { VramBytes = 64 << 20 });
    private readonly List<(ulong Address, ulong Bytes)> _mapped = [];

    public static TheoryData<ulong, string> Sizes() => new() { { Block, "2M" }, { Chunk, "64K" }, { Page, "4K" } };

    private Vm Vm => _gpu.Inspect(_gpu.Vm);

    private FaultInjector Faults => _gpu.Device.Options.Faults;

    public void Dispose()
    {
        _gpu.Dispose();
        _mapped.ForEach(mapping => GpuClient.Unmap(mapping.Address, mapping.Bytes));
        GC.SuppressFinalize(this);
    }

    /// <summary>Memory in which a fault makes a range of exactly this size: what is around it is of another kind.</summary>
    private ulong Map(ulong size, bool touched = true)
    {
        ulong area = GpuClient.Map(3 * Block, Block);
        _mapped.Add((area, 3 * Block));
        ulong memory = area + Block;
        Assert.Equal(0, SystemCalls.Protect((nint)area, (nuint)Block, MemoryProtection.None));
        Assert.Equal(0, SystemCalls.Protect((nint)(memory + size), (nuint)((2 * Block) - size), MemoryProtection.None));
        if (touched)
        {
            GpuClient.Touch(memory, size);
        }

        return memory;
    }

    private int Fault(ulong address, GpuAccess access = GpuAccess.Write) => Vm.HandleFault(address, access, _gpu.Device.PrimaryGt);

    /// <summary>How much counters rise while something is done.</summary>
    private long[] Rise(Action action, params string[] counters)
    {
        long[] before = [.. counters.Select(counter => _gpu.Counter(counter))];
        action();
        return [.. counters.Select((counter, i) => _gpu.Counter(counter) - before[i])];
    }

    private void SlowCopy() => Faults.Add(new FaultRule(FaultPoint.SlowCopy) { At = 1, Delay = TimeSpan.FromMicroseconds(SlowMicroseconds) });

    private void Fail(FaultPoint point, long times = 1) => Faults.Add(new FaultRule(point) { At = 1, Times = times });

    [Fact]
    [Trait("Rule", "svm 11.svm_pagefault_count")]
    public void Every_fault_counts_valid_ones_and_failed_ones_too()
    {
        ulong memory = Map(Block);
        long[] rise = Rise(
            () =>
            {
                Assert.Equal(0, Fault(memory));
                Assert.Equal(0, Fault(memory));
                Assert.Equal(-Errno.EPERM, Fault(memory - Page));
            },
            "svm_pagefault_count");
        Assert.Equal([3], rise);
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    [Trait("Rule", "svm 11.svm_S_pagefault_count")]
    [Trait("Rule", "svm 3.d")]
    public void A_fault_counts_once_for_each_pass_by_the_exact_size_of_its_range(ulong size, string name)
    {
        ulong memory = Map(size);

        // Both attempts at the migration fail, so the handler passes a second time.
        Fail(FaultPoint.Isolate, times: 2);
        long[] rise = Rise(() => Assert.Equal(0, Fault(memory)), "svm_pagefault_count", $"svm_{name}_pagefault_count");
        bool migrates = size >= Chunk || _gpu.Device.Profile.MinPageSize == PageConstants.PageSize;
        Assert.Equal([1, migrates ? 2 : 1], rise);
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    [Trait("Rule", "svm 11.svm_S_valid_pagefault_count")]
    [Trait("Rule", "svm 3.e")]
    public void A_fault_on_a_range_that_is_mapped_already_is_valid_wherever_the_data_is(ulong size, string name)
    {
        ulong memory = Map(size);
        Assert.Equal(0, _gpu.Advise(memory, size, -1));
        Assert.Equal(0, Fault(memory));
        Assert.Equal([1, 0], Rise(() => Assert.Equal(0, Fault(memory)), $"svm_{name}_valid_pagefault_count", $"svm_{name}_migrate_count"));
    }

    [Fact]
    [Trait("Rule", "svm 11.svm_S_pagefault_us")]
    public void The_time_of_a_fault_spans_its_migration_and_is_left_out_when_the_fault_fails()
    {
        ulong memory = Map(Block);
        SlowCopy();
        long time = Rise(() => Assert.Equal(0, Fault(memory)), "svm_2M_pagefault_us")[0];
        Assert.True(time >= SlowMicroseconds, $"{time} us");

        ulong other = Map(Block);
        Fail(FaultPoint.Vram, times: 100);
        Assert.Equal([0, 1], Rise(() => Assert.Equal(-Errno.ENOMEM, Fault(other, GpuAccess.Atomic)), "svm_2M_pagefault_us", "svm_pagefault_count"));
    }

    [Fact]
    [Trait("Rule", "svm 11.svm_S_migrate_count")]
    [Trait("Rule", "svm 5.1")]
    public void Attempts_at_migration_count_when_they_fail_and_when_they_are_not_necessary()
    {
        ulong memory = Map(Block);
        Fail(FaultPoint.Vram);
        Assert.Equal([1, 0], Rise(() => Assert.Equal(0, Fault(memory)), "svm_2M_migrate_count", "svm_device_copy_kb"));

        ulong other = Map(Block);
        Assert.Equal(0, Fault(other));
        Vm.Svm!.Invalidate(other, other + Block, MmuEvent.Migrate);
        Assert.Equal([1, 0], Rise(() => Assert.Equal(0, Fault(other)), "svm_2M_migrate_count", "svm_device_copy_kb"));

        // A prefetch is no fault.
        ulong third = Map(Block);
        Assert.Equal([0, 2048], Rise(() => Assert.Equal(0, _gpu.Prefetch(third, Block, region: 1)), "svm_2M_migrate_count", "svm_device_copy_kb"));
    }

    [Fact]
    [Trait("Rule", "svm 11.svm_S_migrate_us")]
    public void The_time_of_a_migration_spans_the_copy_and_counts_when_it_fails()
    {
        ulong memory = Map(Block);
        SlowCopy();
        Fail(FaultPoint.Copy);
        long time = Rise(() => Assert.Equal(0, Fault(memory)), "svm_2M_migrate_us")[0];
        Assert.True(time >= SlowMicroseconds, $"{time} us");
        Assert.Equal(3ul, *(ulong*)(memory + (3 * Page)));
    }

    [Fact]
    [Trait("Rule", "svm 11.svm_S_get_pages_us")]
    public void The_time_of_get_pages_counts_when_it_succeeds_only()
    {
        ulong memory = Map(Block);
        Assert.Equal(0, _gpu.Advise(memory, Block, -1));
        Fail(FaultPoint.Link);

        // The failure is swallowed: the fault is acknowledged, and its time counts.
        Assert.Equal([0, 0], Rise(() => Assert.Equal(0, Fault(memory)), "svm_2M_get_pages_us", "svm_2M_bind_us"));
        long time = Rise(() => Repeat(memory, 20), "svm_2M_get_pages_us")[0];
        Assert.True(time > 0, $"{time} us for 20 ranges of 512 pages");
    }

    [Fact]
    [Trait("Rule", "svm 11.svm_S_bind_us")]
    public void The_time_of_a_bind_counts_apart()
    {
        ulong memory = Map(Block);
        Assert.Equal(0, _gpu.Advise(memory, Block, -1));
        long[] rise = Rise(() => Repeat(memory, 200), "svm_2M_bind_us", "svm_2M_get_pages_us", "svm_2M_pagefault_us");
        Assert.True(rise[2] >= rise[0] + rise[1], $"bind {rise[0]}, get_pages {rise[1]}, fault {rise[2]} us");
    }

    [Theory]
    [InlineData(Block, "2M")]
    [InlineData(Chunk, "64K")]
    [Trait("Rule", "svm 11.svm_S_device_copy_us")]
    public void The_time_of_a_copy_to_VRAM_goes_to_the_total_and_to_the_size_of_its_segment(ulong size, string name)
    {
        ulong memory = Map(size);
        SlowCopy();
        long[] rise = Rise(() => Assert.Equal(0, Fault(memory)), "svm_device_copy_us", $"svm_{name}_device_copy_us", $"svm_{name}_migrate_us");
        Assert.True(rise[0] >= SlowMicroseconds, $"{rise[0]} us");
        Assert.Equal(rise[0], rise[1]);
        Assert.True(rise[2] >= rise[0], $"migrate {rise[2]}, copy {rise[0]} us");
    }

    [SkippableFact]
    [Trait("Rule", "svm 11.svm_S_device_copy_us")]
    [Trait("Rule", "svm 5.4")]
    public void Memory_that_nobody_has_touched_is_not_copied()
    {
        Skip.If(_gpu.IsCoherent, "Without userfaultfd pages are not told from holes.");
        ulong memory = Map(Block, touched: false);
        SlowCopy();
        long[] rise = Rise(
            () => Assert.Equal(0, Fault(memory)), "svm_2M_migrate_count", "svm_device_copy_us", "svm_2M_device_copy_us", "svm_device_copy_kb");
        Assert.Equal([1, 0, 0, 0], rise);
        Assert.Equal(0ul, *(ulong*)(memory + Page));
    }

    [Fact]
    [Trait("Rule", "svm 10.counters")]
    public void A_prefetch_counts_its_copies_and_nothing_of_faults()
    {
        ulong memory = Map(Block);
        long[] rise = Rise(
            () => Assert.Equal(0, _gpu.Prefetch(memory, Block, 1)),
            "svm_2M_device_copy_kb", "svm_pagefault_count", "svm_2M_pagefault_count", "svm_2M_pagefault_us", "svm_2M_migrate_count", "svm_2M_migrate_us",
            "svm_2M_get_pages_us", "svm_2M_bind_us");
        Assert.Equal([2048, 0, 0, 0, 0, 0, 0, 0], rise);
        rise = Rise(() => Assert.Equal(0, Fault(memory)), "svm_2M_pagefault_count", "svm_2M_valid_pagefault_count");
        Assert.Equal([1, 1], rise);
    }

    [SkippableFact]
    [Trait("Rule", "svm 11.svm_cpu_copy_us")]
    public void The_way_home_counts_as_copy_to_the_CPU()
    {
        Skip.If(_gpu.IsCoherent, "Without userfaultfd a touch brings nothing home.");
        ulong memory = Map(Block);
        Assert.Equal(0, Fault(memory));
        long[] rise = Rise(
            () => Assert.Equal(1ul, *(ulong*)(memory + Page)), "svm_cpu_copy_us", "svm_2M_cpu_copy_us", "svm_cpu_copy_kb", "svm_2M_cpu_copy_kb", "svm_64K_cpu_copy_kb");
        Assert.True(rise[0] > 0, "2 MiB take longer than a microsecond.");
        Assert.Equal(rise[0], rise[1]);
        Assert.Equal([2048, 2048, 0], rise[2..]);
    }

    [SkippableFact]
    [Trait("Rule", "svm 11.svm_S_copy_kb")]
    [Trait("Rule", "svm 5.4")]
    public void A_segment_with_a_hole_is_two_jobs_and_counts_for_the_time_of_2M_but_not_for_its_amount()
    {
        Skip.If(_gpu.IsCoherent, "Without userfaultfd pages are not told from holes.");
        ulong memory = Map(Block, touched: false);
        GpuClient.Touch(memory, Chunk);
        GpuClient.Touch(memory + Chunk + Page, Block - Chunk - Page);
        SlowCopy();
        long[] rise = Rise(
            () => Assert.Equal(0, Fault(memory)), "svm_device_copy_kb", "svm_2M_device_copy_kb", "svm_64K_device_copy_kb", "svm_4K_device_copy_kb", "svm_2M_device_copy_us");
        Assert.Equal([2044, 0, 64, 0], rise[..4]);
        Assert.True(rise[4] >= SlowMicroseconds, $"{rise[4]} us");
    }

    [Fact]
    [Trait("Rule", "svm 11.svm_tlb_inval_count")]
    [Trait("Rule", "svm 7.zap")]
    public void Each_zapped_range_counts_although_one_invalidation_serves_them_all()
    {
        ulong memory = Map(Block);
        ulong other = Map(Block);
        (ulong low, ulong high) = (Math.Min(memory, other), Math.Max(memory, other) + Block);
        bool together = SvmNotifier.StartOf(low) == SvmNotifier.StartOf(high - 1);
        Assert.Equal(0, Fault(memory));
        Assert.Equal(0, Fault(other));
        long[] rise = Rise(() => Vm.Svm!.Invalidate(low, high, MmuEvent.Migrate), "svm_tlb_inval_count", "tlb_inval_count");
        Assert.Equal([2, together ? 1 : 2], rise);

        // Nothing is bound there any more.
        Assert.Equal([0, 0, 0], Rise(() => Vm.Svm!.Invalidate(low, high, MmuEvent.Migrate), "svm_tlb_inval_count", "tlb_inval_count", "svm_tlb_inval_us"));
    }

    [Fact]
    [Trait("Rule", "svm 11.svm_tlb_inval_count")]
    [Trait("Rule", "svm 11.svm_tlb_inval_us")]
    [Trait("Rule", "svm 11.tlb_inval_count")]
    public void The_media_GT_of_a_tile_is_invalidated_with_the_primary_one()
    {
        ulong memory = Map(Block);
        Assert.Equal(0, _gpu.Advise(memory, Block, -1));
        long[] before = [.. _gpu.Device.Gts.Select(Invalidations)];
        Repeat(memory, 50);
        long[] after = [.. _gpu.Device.Gts.Select(Invalidations)];
        Assert.Equal([(50 << 16) + 50, (50 << 16) + 50], after.Zip(before, (a, b) => a - b));
        Assert.Equal(_gpu.Counter("svm_tlb_inval_us"), _gpu.Counter("svm_tlb_inval_us", "gt1/stats"));

        static long Invalidations(Gt gt) => (gt.Statistics[GtCounter.SvmTlbInvalCount] << 16) + gt.Statistics[GtCounter.TlbInvalCount];
    }

    [Fact]
    [Trait("Rule", "svm 11.svm_tlb_inval_count")]
    [Trait("Rule", "svm 11.tlb_inval_count")]
    [Trait("Rule", "svm 3.h")]
    public void Only_the_tiles_that_had_the_range_are_invalidated()
    {
        using var gpu = new GpuClient(new SoftwareBackendOptions { Device = "pvc2", VramBytes = 64 << 20, CpuFaults = "coherent" });
        Vm vm = gpu.Inspect(gpu.Vm);
        ulong memory = Map(Block);
        Assert.Equal(0, gpu.Advise(memory, Block, -1));
        Assert.Equal(0, vm.HandleFault(memory, GpuAccess.Write, gpu.Device.Gts[1]));
        (long, long)[] before = [.. gpu.Device.Gts.Select(Invalidations)];
        vm.Svm!.Invalidate(memory, memory + Block, MmuEvent.Migrate);
        Assert.Equal([before[0], (before[1].Item1 + 1, before[1].Item2 + 1)], gpu.Device.Gts.Select(Invalidations));

        static (long, long) Invalidations(Gt gt) => (gt.Statistics[GtCounter.SvmTlbInvalCount], gt.Statistics[GtCounter.TlbInvalCount]);
    }

    [Fact]
    [Trait("Rule", "svm 7")]
    [Trait("Rule", "svm 7.notifier")]
    public void An_event_across_two_notifiers_is_two_invalidations()
    {
        ulong memory = GpuClient.Map(2 * SvmNotifier.Size, SvmNotifier.Size);
        _mapped.Add((memory, 2 * SvmNotifier.Size));
        Assert.Equal(0, _gpu.Advise(memory, 2 * SvmNotifier.Size, -1));
        foreach (ulong start in (ReadOnlySpan<ulong>)[memory + SvmNotifier.Size - Block, memory + SvmNotifier.Size])
        {
            Assert.Equal(0, Fault(start));
        }

        long[] rise = Rise(() => Vm.Svm!.Invalidate(memory, memory + (2 * SvmNotifier.Size), MmuEvent.Migrate), "svm_tlb_inval_count", "tlb_inval_count");
        Assert.Equal([2, 2], rise);
    }

    [Fact]
    [Trait("Rule", "svm 11.svm_tlb_inval_us")]
    public void The_time_of_an_invalidation_spans_the_DMA_unmapping()
    {
        ulong memory = Map(Block);
        Assert.Equal(0, _gpu.Advise(memory, Block, -1));
        long time = Rise(() => Repeat(memory, 50), "svm_tlb_inval_us")[0];
        Assert.True(time > 0, "50 times 512 pages are unmapped in less than a microsecond each.");
    }

    [Fact]
    [Trait("Rule", "svm 11.tlb_inval_count")]
    public void Invalidations_of_any_cause_count()
    {
        ulong memory = Map(Block);
        Assert.Equal(0, Fault(memory));
        long[] rise = Rise(() => Assert.Equal(0, _gpu.Advise(memory, Block, -1)), "tlb_inval_count", "svm_tlb_inval_count");
        Assert.Equal([1, 0], rise);
    }

    [Fact]
    [Trait("Rule", "svm 11.vma_pagefault_count")]
    public void A_fault_on_a_buffer_object_counts_the_size_of_its_whole_area()
    {
        uint handle = _gpu.CreateBo(1 << 20, DrmClient.SystemMemory);
        const ulong Address = 0x7000_0000_0000;
        Assert.Equal(0, _gpu.BindBo(_gpu.Vm, handle, Address, 1 << 20));
        long[] rise = Rise(() => Assert.Equal(0, Fault(Address + Page)), "vma_pagefault_count", "vma_pagefault_kb", "svm_pagefault_count");
        Assert.Equal([1, 1024, 0], rise);
    }

    [Fact]
    [Trait("Rule", "svm 11.invalid_prefetch_pagefault_count")]
    [Trait("Rule", "svm 11.prl")]
    public void Counters_of_parts_that_this_device_does_not_have_stay_at_zero()
    {
        string[] counters = ["invalid_prefetch_pagefault_count", "prl_4k_entry_count", "prl_64k_entry_count", "prl_2m_entry_count", "prl_issued_count", "prl_aborted_count"];
        ulong memory = Map(Block);
        long[] rise = Rise(
            () =>
            {
                Assert.Equal(-Errno.EPERM, Fault(memory - Page));
                Assert.Equal(0, Fault(memory));
                Assert.Equal(0, _gpu.Prefetch(memory, Block, region: 0));
            },
            counters);
        Assert.All(rise, value => Assert.Equal(0, value));
    }

    /// <summary>Faults in, and invalidates, one range again and again.</summary>
    private void Repeat(ulong memory, int times)
    {
        for (int i = 0; i < times; i++)
        {
            Assert.Equal(0, Fault(memory));
            Vm.Svm!.Invalidate(memory, memory + Block, MmuEvent.Migrate);
        }
    }
}
