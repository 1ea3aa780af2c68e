using XeSvm.Interop.LibC;
using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Driver;
using static XeSvm.Interop.Uapi.DrmXe;

namespace XeSvm.Simulation.Tests.Driver;

/// <summary>Mirrors with CPU faults by userfaultfd.</summary>
public sealed class VmBindMirrorTests : VmBindMirrorBehaviour
{
    protected override string CpuFaults => "auto";
}

/// <summary>The same without userfaultfd.</summary>
public sealed class CoherentVmBindMirrorTests : VmBindMirrorBehaviour
{
    protected override string CpuFaults => "coherent";
}

/// <summary>CPU address mirrors: how they merge, what their live ranges forbid, and prefetch.</summary>
public abstract unsafe class VmBindMirrorBehaviour : IDisposable
{
    private const ulong Block = 2 << 20;
    private readonly Lazy<GpuClient> _lazy;

    protected VmBindMirrorBehaviour()
    {
        _lazy = new Lazy<GpuClient>(() => new GpuClient(new SoftwareBackendOptions { VramBytes = 64 << 20, CpuFaults = CpuFaults }));
    }

    public static TheoryData<string, ulong, ulong, string> Neighbours => new()
    {
        { "apart below", 0x10000, 0x20000, "10000-20000, 30000-40000" },
        { "adjacent below", 0x20000, 0x30000, "20000-40000" },
        { "adjacent above", 0x40000, 0x50000, "30000-50000" },
        { "a hole of one page below", 0x10000, 0x2f000, "10000-2f000, 30000-40000" },
        { "a hole of one page above", 0x41000, 0x50000, "30000-50000" },
        { "a hole of two pages above", 0x42000, 0x50000, "30000-40000, 42000-50000" },
        { "over the start", 0x28000, 0x34000, "28000-40000" },
        { "over the end", 0x38000, 0x48000, "30000-48000" },
        { "inside", 0x34000, 0x38000, "30000-40000" },
        { "all around", 0x20000, 0x50000, "20000-50000" },
        { "equal", 0x30000, 0x40000, "30000-40000" },
    };

    protected abstract string CpuFaults { get; }

    private GpuClient Gpu => _lazy.Value;

    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    [Theory]
    [MemberData(nameof(Neighbours))]
    [Trait("Rule", "7.2.MIRROR")]
    public void A_new_mirror_takes_default_mirrors_beside_it_in(string relation, ulong start, ulong end, string expected)
    {
        Assert.NotEmpty(relation);
        uint vm = Gpu.CreateVm(DrmClient.FaultMode);
        Assert.Equal(0, Gpu.BindMirror(vm, start, end - start));
        Assert.Equal(0, Gpu.BindMirror(vm, 0x30000, 0x10000));
        Assert.Equal(expected, Gpu.Areas(vm).Replace(" CpuAddressMirror", "", StringComparison.Ordinal));
    }

    [Fact]
    [Trait("Rule", "7.2.MIRROR")]
    public void A_new_mirror_closes_the_gap_between_two()
    {
        uint vm = Gpu.CreateVm(DrmClient.FaultMode);
        Assert.Equal(0, Gpu.BindMirror(vm, 0x10000, 0x10000));
        Assert.Equal(0, Gpu.BindMirror(vm, 0x30000, 0x10000));
        Assert.Equal(0, Gpu.BindMirror(vm, 0x20000, 0x10000, DRM_XE_VM_BIND_FLAG_READONLY));
        Assert.Equal("10000-40000 CpuAddressMirror", Gpu.Areas(vm));

        // The flags are those of the new bind, whatever the absorbed ones had.
        Assert.True(Gpu.Inspect(vm).Vmas.Find(0x10000)!.IsReadOnly);
        Assert.Equal(0, Gpu.BindMirror(vm, 0x40000, 0x1000, DRM_XE_VM_BIND_FLAG_MADVISE_AUTORESET));
        Vma merged = Gpu.Inspect(vm).Vmas.Find(0x10000)!;
        Assert.Equal((false, true, 0x41000ul), (merged.IsReadOnly, merged.IsAutoReset, merged.End));
    }

    [Theory]
    [InlineData("location")]
    [InlineData("policy")]
    [InlineData("atomic")]
    [Trait("Rule", "7.2.MIRROR")]
    public void A_mirror_with_advice_is_not_taken_in(string advice)
    {
        uint vm = Gpu.CreateVm(DrmClient.FaultMode);
        Assert.Equal(0, Gpu.BindMirror(vm, 0x10000, 0x10000));
        Assert.Equal(0, advice switch
        {
            "location" => Gpu.AdviseLocation(vm, 0x10000, 0x10000, -1),
            "policy" => Gpu.AdviseLocation(vm, 0x10000, 0x10000, 0, policy: DRM_XE_MIGRATE_ONLY_SYSTEM_PAGES),
            _ => Gpu.AdviseAtomic(vm, 0x10000, 0x10000, DRM_XE_ATOMIC_GLOBAL),
        });
        Assert.Equal(0, Gpu.BindMirror(vm, 0x20000, 0x10000));
        Assert.Equal("10000-20000 CpuAddressMirror, 20000-30000 CpuAddressMirror", Gpu.Areas(vm));

        // What it overlaps is cut, not merged.
        Assert.Equal(0, Gpu.BindMirror(vm, 0x18000, 0x8000));
        Assert.Equal("10000-18000 CpuAddressMirror, 18000-30000 CpuAddressMirror", Gpu.Areas(vm));
    }

    [Fact]
    [Trait("Rule", "7.2.MIRROR")]
    public void Other_kinds_of_areas_are_not_taken_in()
    {
        uint vm = Gpu.CreateVm(DrmClient.FaultMode);
        Assert.Equal(0, Gpu.BindNull(vm, 0x10000, 0x10000));
        Assert.Equal(0, Gpu.BindBo(vm, Gpu.CreateBo(0x1000), 0x30000, 0x1000));
        Assert.Equal(0, Gpu.BindMirror(vm, 0x31000, 0x1000));
        Assert.Equal(0, Gpu.BindMirror(vm, 0x20000, 0x10000));
        Assert.Equal("10000-20000 Null, 20000-30000 CpuAddressMirror, 30000-31000 BufferObject, 31000-32000 CpuAddressMirror", Gpu.Areas(vm));
    }

    [Fact]
    [Trait("Rule", "7.2.MIRROR")]
    public void An_object_can_be_mapped_into_a_mirror_and_the_mirror_restored()
    {
        ulong hole = DrmClient.Map(Block, Block); // addresses that nothing else mirrors
        uint handle = Gpu.CreateBo(0x10000);
        byte* mapped = Gpu.MapBo(handle, 0x10000);
        Assert.Equal(0, Gpu.BindBo(Gpu.Vm, handle, hole, 0x10000));
        Assert.Equal(0, Gpu.Store(hole + 0x4000, 44));
        Assert.Equal(44u, *(uint*)(mapped + 0x4000));
        Assert.Equal(0u, *(uint*)(hole + 0x4000));
        Assert.Equal(0, Gpu.BindMirror(Gpu.Vm, hole, 0x10000));
        Assert.Equal(0, Gpu.Store(hole + 0x4000, 55));
        Assert.Equal((44u, 55u), (*(uint*)(mapped + 0x4000), *(uint*)(hole + 0x4000)));
        Gpu.UnmapBo(mapped, 0x10000);
        DrmClient.Unmap(hole, Block);
    }

    [Fact]
    [Trait("Rule", "7.1.J")]
    public void Live_ranges_forbid_to_unmap_or_cut_their_part_of_a_mirror()
    {
        ulong memory = DrmClient.Map(3 * Block, Block);
        DrmClient.Touch(memory, 3 * Block);
        Assert.Equal(0, Gpu.Store(memory + Block, 1)); // one range of 2M in the middle
        uint handle = Gpu.CreateBo(Block);
        string before = Gpu.Areas(Gpu.Vm);
        Assert.Equal(-Errno.EBUSY, Gpu.UnbindRange(Gpu.Vm, memory + Block, Block));
        Assert.Equal(-Errno.EBUSY, Gpu.UnbindRange(Gpu.Vm, memory + Block + 0x5000, 0x1000));
        Assert.Equal(-Errno.EBUSY, Gpu.UnbindRange(Gpu.Vm, memory, Block + 0x1000));
        Assert.Equal(-Errno.EBUSY, Gpu.UnbindRange(Gpu.Vm, 0, 1UL << 47));
        Assert.Equal(-Errno.EBUSY, Gpu.BindBo(Gpu.Vm, handle, memory + Block, Block));
        Assert.Equal(-Errno.EBUSY, Gpu.BindNull(Gpu.Vm, memory + Block - 0x1000, 0x2000));
        Assert.Equal(before, Gpu.Areas(Gpu.Vm));

        // Beside the range all of this works.
        Assert.Equal(0, Gpu.BindBo(Gpu.Vm, handle, memory, Block));
        Assert.Equal(0, Gpu.UnbindRange(Gpu.Vm, memory + (2 * Block), Block));
        Assert.Equal(0, Gpu.Store(memory + Block + 0x10, 2));
        Assert.Equal((1u, 2u), (*(uint*)(memory + Block), *(uint*)(memory + Block + 0x10)));
        DrmClient.Unmap(memory, 3 * Block);
    }

    [Theory]
    [InlineData(DrmClient.FaultMode)]
    [InlineData(DrmClient.FaultMode | DRM_XE_VM_CREATE_FLAG_SCRATCH_PAGE)]
    [Trait("Rule", "7.1.J")]
    [Trait("Rule", "7.2.MIRROR")]
    public void A_mirror_that_replaces_whole_mirrors_keeps_their_ranges(uint vmFlags)
    {
        using var gpu = new GpuClient(new SoftwareBackendOptions { VramBytes = 64 << 20, CpuFaults = CpuFaults }, vmFlags);
        ulong memory = DrmClient.Map(Block, Block);
        DrmClient.Touch(memory, Block);
        Assert.Equal(0, gpu.Store(memory, 1));
        long faults = gpu.Counter("svm_pagefault_count");
        Assert.Equal(0, gpu.BindMirror());
        Assert.Equal(0, gpu.Store(memory + 8, 2));
        Assert.Equal(faults, gpu.Counter("svm_pagefault_count"));

        // A part of a mirror with advice cannot be replaced under its ranges.
        Assert.Equal(0, gpu.Advise(memory, Block, -1));
        Assert.Equal(-Errno.EBUSY, gpu.BindMirror(gpu.Vm, memory + 0x1000, 0x1000));
        Assert.Equal(0, gpu.BindMirror(gpu.Vm, memory, Block));
        Assert.Equal(0, gpu.Store(memory + 16, 3));
        Assert.Equal((1u, 2u, 3u), (*(uint*)memory, *(uint*)(memory + 8), *(uint*)(memory + 16)));
        DrmClient.Unmap(memory, Block);
    }

    [Fact]
    public void A_mirror_over_scratch_pages_reaches_the_clients_memory()
    {
        using var gpu = new GpuClient(
            new SoftwareBackendOptions { VramBytes = 64 << 20, CpuFaults = CpuFaults }, DrmClient.FaultMode | DRM_XE_VM_CREATE_FLAG_SCRATCH_PAGE);
        ulong memory = DrmClient.Map(2 * Block, Block);
        Assert.Equal(0, gpu.UnbindRange(gpu.Vm, memory, Block));
        Assert.Equal(0, gpu.Store(memory + 0x5000, 5));
        Assert.Equal(0u, *(uint*)(memory + 0x5000));
        Assert.Equal(0, gpu.BindMirror(gpu.Vm, memory, Block));
        Assert.Equal(0, gpu.Store(memory + 0x5000, 6));
        Assert.Equal(6u, *(uint*)(memory + 0x5000));

        // And so does the page of a hole that a new mirror bridges.
        ulong hole = memory + Block;
        Assert.Equal(0, gpu.UnbindRange(gpu.Vm, hole, 0x2000));
        Assert.Equal(0, gpu.Store(hole + 0x1000, 5));
        Assert.Equal(0, gpu.BindMirror(gpu.Vm, hole, 0x1000));
        Assert.Equal(0, gpu.Store(hole + 0x1000, 6));
        Assert.Equal(6u, *(uint*)(hole + 0x1000));
        DrmClient.Unmap(memory, 2 * Block);
    }

    [Fact]
    [Trait("Rule", "7.1.E")]
    public void When_the_client_has_unmapped_the_memory_the_mirror_can_be_unmapped()
    {
        ulong memory = DrmClient.Map(Block, Block);
        DrmClient.Touch(memory, Block);
        Assert.Equal(0, Gpu.Store(memory, 1));
        Assert.Equal(-Errno.EBUSY, Gpu.UnbindRange(Gpu.Vm, memory, Block));
        DrmClient.Unmap(memory, Block);
        Assert.Equal(0, Gpu.UnbindRange(Gpu.Vm, memory, Block));
    }

    [Fact]
    [Trait("Rule", "7.3.array")]
    public void A_prefetch_makes_live_ranges_that_later_operations_of_the_call_meet()
    {
        ulong memory = DrmClient.Map(Block, Block);
        DrmClient.Touch(memory, Block);
        Assert.Equal(-Errno.EBUSY, Gpu.BindArray(Gpu.Vm, Ops.Prefetch(memory, Block, 1), Ops.Unmap(memory, Block)));
        Assert.Equal(0, Gpu.BindArray(Gpu.Vm, Ops.Prefetch(memory, Block, 1), Ops.Prefetch(memory, Block, 1)));
        Assert.Equal(1, Gpu.Counter("device_allocations", "backend"));
        DrmClient.Unmap(memory, Block);
    }

    [Fact]
    [Trait("Rule", "7.1.unwind")]
    public void A_prefetch_of_memory_that_the_CPU_may_not_write_fails_the_whole_call()
    {
        ulong memory = DrmClient.Map(Block, Block);
        DrmClient.Touch(memory, Block);
        Assert.Equal(0, SystemCalls.Protect((nint)memory, (nuint)Block, MemoryProtection.Read));
        uint vm = Gpu.CreateVm(DrmClient.FaultMode);
        Assert.Equal(-Errno.EPERM, Gpu.BindArray(
            vm, Ops.MapNull(0x10000, 0x1000), Ops.MapMirror(memory, Block), Ops.Prefetch(memory, Block, 1)));
        Assert.Equal("", Gpu.Areas(vm));

        // A read-only mirror is content with that.
        Assert.Equal(0, Gpu.BindArray(vm, Ops.MapMirror(memory, Block, DRM_XE_VM_BIND_FLAG_READONLY), Ops.Prefetch(memory, Block, 0)));
        DrmClient.Unmap(memory, Block);
    }

    [Fact]
    public void Ranges_of_a_mirror_whose_call_failed_are_gone()
    {
        ulong memory = DrmClient.Map(2 * Block, Block);
        DrmClient.Touch(memory, 2 * Block);
        uint vm = Gpu.CreateVm(DrmClient.FaultMode);
        Assert.Equal(0, Gpu.BindMirror(vm, memory, Block));
        Assert.Equal(0, Gpu.Bind(vm, Ops.Prefetch(memory, Block, 0)));
        uint handle = Gpu.CreateBo(0x1000);
        Assert.Equal(1, Gpu.Inspect(vm).Svm!.RangeCount);
        Assert.Equal(-Errno.EINVAL, Gpu.BindArray(
            vm,
            Ops.MapMirror(memory + Block, Block), // merges with the one there is
            Ops.Prefetch(memory + Block, Block, 0),
            Ops.MapBo(handle, 0x10000, 0x1000),
            Ops.Prefetch(0x10000, 0x1000, 1))); // system memory cannot go there
        Assert.Equal($"{memory:x}-{memory + Block:x} CpuAddressMirror", Gpu.Areas(vm));
        Assert.Equal(1, Gpu.Inspect(vm).Svm!.RangeCount);
        Assert.Equal(-Errno.EBUSY, Gpu.UnbindRange(vm, memory, Block));
        DrmClient.Unmap(memory, 2 * Block);
    }

    [Fact]
    [Trait("Rule", "7.2.PREFETCH-mirror")]
    public void Several_prefetches_in_one_call_go_where_each_says()
    {
        ulong memory = DrmClient.Map(3 * Block, Block);
        DrmClient.Touch(memory, 3 * Block);
        Assert.Equal(0, Gpu.Advise(memory + (2 * Block), Block, -1));
        Assert.Equal(0, Gpu.BindArray(
            Gpu.Vm,
            Ops.Prefetch(memory, Block, 1),
            Ops.Prefetch(memory + Block, Block, 0),
            Ops.Prefetch(memory + (2 * Block), Block, DRM_XE_CONSULT_MEM_ADVISE_PREF_LOC)));
        Assert.Equal(1, Gpu.Counter("device_allocations", "backend"));
        Assert.Equal(0, Gpu.Bind(Ops.Prefetch(memory, 3 * Block, 1)));
        Assert.Equal(3, Gpu.Counter("device_allocations", "backend"));
        for (ulong page = 0; page < 3 * 512; page++)
        {
            Assert.Equal(page, *(ulong*)(memory + (page << 12)));
        }

        DrmClient.Unmap(memory, 3 * Block);
    }

    [Fact]
    [Trait("Rule", "7.2.PREFETCH-mirror")]
    public void A_prefetch_passes_over_what_the_CPU_has_not_mapped()
    {
        // Far below where mmap(2) puts things: other threads of this process must not map the hole.
        ulong memory = CpuFaults == "coherent" ? 0x2000_0000_0000ul : 0x2100_0000_0000ul;
        foreach (ulong place in (ReadOnlySpan<ulong>)[memory, memory + (2 * Block)])
        {
            Assert.Equal(0, SystemCalls.MoveMapping((nint)DrmClient.Map(Block, Block), (nuint)Block, (nint)place));
        }

        DrmClient.Touch(memory, Block);
        DrmClient.Touch(memory + (2 * Block), Block);
        Assert.Equal(0, Gpu.Prefetch(memory, 3 * Block, 1));
        Assert.True(Gpu.Inspect(Gpu.Vm).Svm!.HasRanges(memory, memory + Block));
        Assert.True(Gpu.Inspect(Gpu.Vm).Svm!.HasRanges(memory + (2 * Block), memory + (3 * Block)));
        Assert.True(Gpu.Counter("svm_device_copy_kb") >= 2 * 2048);
        DrmClient.Unmap(memory, Block);
        DrmClient.Unmap(memory + (2 * Block), Block);
    }

    protected virtual void Dispose(bool disposing)
    {
        if (_lazy.IsValueCreated)
        {
            _lazy.Value.Dispose();
        }
    }
}
