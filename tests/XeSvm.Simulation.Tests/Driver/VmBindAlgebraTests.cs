using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Driver;
using static XeSvm.Interop.Uapi.DrmXe;

namespace XeSvm.Simulation.Tests.Driver;

/// <summary>
/// What a request on R does to an area V that it meets (__drm_gpuvm_sm_map, __drm_gpuvm_sm_unmap), and all or nothing for an array of
/// operations. V is 10000-20000 here.
/// </summary>
public sealed unsafe class VmBindAlgebraTests : IDisposable
{
    private const ulong Start = 0x10000;
    private const ulong Size = 0x10000;
    private readonly DrmClient _client = new();

    /// <summary>R; the pieces of V that a map or unmap of R leaves; the areas that advice on R makes of V.</summary>
    private static readonly (ulong From, ulong To, string Left, string Advised)[] s_relations =
    [
        (0x10000, 0x20000, "", "10000-20000"), // equal
        (0x08000, 0x28000, "", "10000-20000"), // V inside R
        (0x08000, 0x20000, "", "10000-20000"), // V inside R, same end
        (0x10000, 0x28000, "", "10000-20000"), // V inside R, same start
        (0x18000, 0x28000, "10000-18000", "10000-18000,18000-20000"), // R over the end
        (0x18000, 0x20000, "10000-18000", "10000-18000,18000-20000"), // R to the end
        (0x08000, 0x14000, "14000-20000", "10000-14000,14000-20000"), // R over the start
        (0x10000, 0x14000, "14000-20000", "10000-14000,14000-20000"), // R from the start
        (0x14000, 0x18000, "10000-14000,18000-20000", "10000-14000,14000-18000,18000-20000"), // R inside V
        (0x13000, 0x14000, "10000-13000,14000-20000", "10000-13000,13000-14000,14000-20000"), // one page inside V
        (0x08000, 0x10000, "10000-20000", "10000-20000"), // R just below
        (0x20000, 0x28000, "10000-20000", "10000-20000"), // R just above
    ];

    public static IEnumerable<object[]> Left => s_relations.Select(row => new object[] { row.From, row.To, row.Left });

    public static IEnumerable<object[]> Advised => s_relations.Select(row => new object[] { row.From, row.To, row.Advised });

    public void Dispose() => _client.Dispose();

    [Theory]
    [MemberData(nameof(Left))]
    [Trait("Rule", "7.5.unmap")]
    [Trait("Rule", "7.2.UNMAP")]
    public void UNMAP_leaves_the_pieces_outside(ulong from, ulong to, string left)
    {
        foreach ((uint vm, string kind) in EveryKind())
        {
            Assert.Equal(0, _client.UnbindRange(vm, from, to - from));
            Assert.Equal(Areas(left, kind), _client.Areas(vm));
        }
    }

    [Theory]
    [MemberData(nameof(Left))]
    [Trait("Rule", "7.5.map")]
    public void MAP_leaves_the_pieces_outside_and_one_area_inside(ulong from, ulong to, string left)
    {
        uint handle = _client.CreateBo(0x20000);
        string mapped = $"{from:x}-{to:x} BufferObject";
        foreach ((uint vm, string kind) in EveryKind())
        {
            Assert.Equal(0, _client.BindBo(vm, handle, from, to - from));
            IEnumerable<string> expected = Areas(left, kind).Split(", ").Where(area => area.Length > 0).Append(mapped);
            Assert.Equal(expected.OrderBy(area => Convert.ToUInt64(area.Split('-')[0], 16)), _client.Areas(vm).Split(", "));
        }
    }

    [Theory]
    [MemberData(nameof(Advised))]
    [Trait("Rule", "7.5.madvise")]
    [Trait("Rule", "12.split")]
    public void Advice_splits_areas_without_a_buffer_object_and_no_others(ulong from, ulong to, string advised)
    {
        foreach ((uint vm, string kind) in EveryKind())
        {
            Assert.Equal(0, _client.AdviseLocation(vm, from, to - from, -1));
            Assert.Equal(Areas(kind == "BufferObject" ? "10000-20000" : advised, kind), _client.Areas(vm));
        }
    }

    [Fact]
    [Trait("Rule", "7.5.pieces")]
    public void Pieces_of_a_buffer_object_keep_showing_their_part_of_it()
    {
        uint vm = _client.CreateVm(0);
        uint handle = _client.CreateBo(0x400000, DrmClient.VramMemory);
        ulong vram = _client.VramOffset(handle);

        // Two 2M leaves, cut in the middle of the first and by 64K and 4K pages in the second.
        Assert.Equal(0, _client.BindBo(vm, handle, 0x40000000, 0x400000));
        Assert.Equal(0, _client.UnbindRange(vm, 0x40100000, 0x10000));
        Assert.Equal(0, _client.UnbindRange(vm, 0x40203000, 0x1000));
        Assert.Equal(0, _client.BindNull(vm, 0x40300000, 0x80000));
        Assert.Equal("40000000-40100000 BufferObject, 40110000-40203000 BufferObject, 40204000-40300000 BufferObject, "
            + "40300000-40380000 Null, 40380000-40400000 BufferObject", _client.Areas(vm));
        for (ulong at = 0; at < 0x400000; at += 0x1000)
        {
            Leaf expected = at is >= 0x100000 and < 0x110000 or 0x203000 ? Leaf.Nothing
                : at is >= 0x300000 and < 0x380000 ? Leaf.Null : Leaf.Vram(vram + at);
            Assert.Equal(expected, _client.Walk(vm, 0x40000000 + at));
        }
    }

    [Fact]
    [Trait("Rule", "7.2.MAP")]
    public void A_part_of_an_object_is_mapped_from_its_offset_on()
    {
        uint vm = _client.CreateVm(0);
        uint handle = _client.CreateBo(0x10000, DrmClient.VramMemory);
        Assert.Equal(0, _client.BindBo(vm, handle, 0x100000, 0x4000, 0xc000));
        Assert.Equal(Leaf.Vram(_client.VramOffset(handle) + 0xc000), _client.Walk(vm, 0x100000));
        Assert.Equal(Leaf.Vram(_client.VramOffset(handle) + 0xf000), _client.Walk(vm, 0x103000));
        Assert.Equal(Leaf.Nothing, _client.Walk(vm, 0x104000));
    }

    [Fact]
    [Trait("Rule", "7.5.remap")]
    public void An_identical_map_replaces_the_area_and_resets_its_attributes()
    {
        uint vm = _client.CreateVm(0);
        uint handle = _client.CreateBo(Size);
        Assert.Equal(0, _client.BindBo(vm, handle, Start, Size));
        Assert.Equal(0, _client.AdviseAtomic(vm, Start, Size, DRM_XE_ATOMIC_DEVICE));
        Assert.Equal(AtomicPolicy.Device, _client.Inspect(vm).Vmas.Find(Start)!.Attributes.Atomic);
        Assert.Equal(0, _client.BindBo(vm, handle, Start, Size));
        Assert.Equal(AtomicPolicy.Undefined, _client.Inspect(vm).Vmas.Find(Start)!.Attributes.Atomic);
    }

    [Fact]
    [Trait("Rule", "7.5.pieces")]
    public void Pieces_inherit_flags_and_attributes()
    {
        uint vm = _client.CreateVm(DrmClient.FaultMode);
        Assert.Equal(0, _client.BindMirror(vm, 0x100000, 0x100000, DRM_XE_VM_BIND_FLAG_READONLY | DRM_XE_VM_BIND_FLAG_MADVISE_AUTORESET));
        Assert.Equal(0, _client.AdviseLocation(vm, 0x100000, 0x100000, -1, policy: 1));
        Assert.Equal(0, _client.AdviseAtomic(vm, 0x100000, 0x100000, DRM_XE_ATOMIC_CPU));
        Assert.Equal(0, _client.UnbindRange(vm, 0x140000, 0x10000));
        foreach (ulong address in (ReadOnlySpan<ulong>)[0x100000, 0x1f0000])
        {
            Vma piece = _client.Inspect(vm).Vmas.Find(address)!;
            Assert.True(piece.IsReadOnly && piece.IsAutoReset);
            Assert.Equal((-1, 1, AtomicPolicy.Cpu), (piece.Attributes.PreferredDevmemFd, piece.Attributes.MigrationPolicy, piece.Attributes.Atomic));
        }
    }

    [Fact]
    [Trait("Rule", "7.2.UNMAP_ALL")]
    public void UNMAP_ALL_removes_every_area_of_the_object_in_this_VM_and_no_other()
    {
        uint vm = _client.CreateVm(0);
        uint other = _client.CreateVm(0);
        uint handle = _client.CreateBo(0x4000);
        uint neighbour = _client.CreateBo(0x4000);
        Assert.Equal(0, _client.BindBo(vm, handle, 0x10000, 0x4000));
        Assert.Equal(0, _client.BindBo(vm, neighbour, 0x14000, 0x4000));
        Assert.Equal(0, _client.BindBo(vm, handle, 0x18000, 0x2000, 0x1000));
        Assert.Equal(0, _client.BindNull(vm, 0x1a000, 0x1000));
        Assert.Equal(0, _client.BindBo(vm, handle, 0x8000_0000, 0x1000, 0x3000));
        Assert.Equal(0, _client.BindBo(other, handle, 0x10000, 0x4000));
        Assert.Equal(0, _client.Bind(vm, Ops.UnmapAll(handle)));
        Assert.Equal("14000-18000 BufferObject, 1a000-1b000 Null", _client.Areas(vm));
        Assert.Equal("10000-14000 BufferObject", _client.Areas(other));
        Assert.Equal(Leaf.Nothing, _client.Walk(vm, 0x10000));
        Assert.Equal(Leaf.Nothing, _client.Walk(vm, 0x8000_0000));
    }

    [Fact]
    [Trait("Rule", "7.3.array")]
    [Trait("Rule", "7.1.J")]
    public void Operations_of_an_array_see_what_those_before_them_did()
    {
        foreach (uint flags in (ReadOnlySpan<uint>)[0, DrmClient.FaultMode])
        {
            uint vm = _client.CreateVm(flags);
            uint handle = _client.CreateBo(0x10000, DrmClient.VramMemory);
            Assert.Equal(0, _client.BindArray(
                vm,
                Ops.MapBo(handle, 0x100000, 0x10000, flags: DRM_XE_VM_BIND_FLAG_IMMEDIATE),
                Ops.Unmap(0x104000, 0x4000), // of what the first has mapped
                Ops.MapNull(0x10c000, 0x4000, DRM_XE_VM_BIND_FLAG_IMMEDIATE),
                Ops.MapBo(handle, 0x10d000, 0x1000, 0x5000, DRM_XE_VM_BIND_FLAG_IMMEDIATE)));
            Assert.Equal(
                "100000-104000 BufferObject, 108000-10c000 BufferObject, 10c000-10d000 Null, 10d000-10e000 BufferObject, 10e000-110000 Null",
                _client.Areas(vm));

            // The pieces of what one call has mapped and cut are bound by that call too.
            ulong vram = _client.VramOffset(handle);
            Assert.Equal(Leaf.Vram(vram), _client.Walk(vm, 0x100000));
            Assert.Equal(Leaf.Nothing, _client.Walk(vm, 0x104000));
            Assert.Equal(Leaf.Vram(vram + 0x8000), _client.Walk(vm, 0x108000));
            Assert.Equal(Leaf.Null, _client.Walk(vm, 0x10c000));
            Assert.Equal(Leaf.Vram(vram + 0x5000), _client.Walk(vm, 0x10d000));
            Assert.Equal(Leaf.Null, _client.Walk(vm, 0x10f000));
        }
    }

    [Fact]
    [Trait("Rule", "7.1.unwind")]
    public void An_array_that_fails_at_its_last_operation_changes_nothing()
    {
        uint vm = _client.CreateVm(DrmClient.FaultMode);
        uint handle = _client.CreateBo(0x10000);
        uint other = _client.CreateBo(0x4000, DrmClient.VramMemory);
        Assert.Equal(0, _client.BindBo(vm, handle, 0x100000, 0x10000, flags: DRM_XE_VM_BIND_FLAG_IMMEDIATE));
        Assert.Equal(0, _client.BindNull(vm, 0x200000, 0x10000));
        Assert.Equal(0, _client.BindMirror(vm, 0x300000, 0x10000));
        string before = _client.Areas(vm);
        Leaf entry = _client.Walk(vm, 0x105000);
        Assert.Equal(-Errno.EINVAL, _client.BindArray(
            vm,
            Ops.MapBo(other, 0x104000, 0x4000),
            Ops.Unmap(0x100000, 0x200000),
            Ops.MapMirror(0x100000, 0x300000),
            Ops.UnmapAll(other),
            Ops.Unmap(0x305000, 0x1000),
            Ops.MapBo(other, 0x100000, 0x4000),
            Ops.Prefetch(0x100000, 0x1000, 0))); // VRAM cannot go there
        Assert.Equal(before, _client.Areas(vm));
        Assert.Equal(entry, _client.Walk(vm, 0x105000));

        // And no reference is left behind, or lost.
        Assert.Equal(0, _client.CloseBo(other));
        Assert.Equal(0ul, _client.Device.Vram.Used);
        Assert.Equal(0, _client.CloseBo(handle));
        Assert.Equal(0x10000ul, _client.Device.SystemMemoryUse);
        Assert.Equal(0, _client.UnbindRange(vm, 0, 1UL << 48));
        Assert.Equal(0ul, _client.Device.SystemMemoryUse);
    }

    [Fact]
    [Trait("Rule", "7.3.array")]
    public void An_area_that_a_call_maps_and_replaces_leaves_no_trace()
    {
        uint vm = _client.CreateVm(0);
        uint first = _client.CreateBo(0x4000, DrmClient.VramMemory);
        uint second = _client.CreateBo(0x4000, DrmClient.VramMemory);
        Assert.Equal(0, _client.BindArray(
            vm,
            Ops.MapBo(first, 0x100000, 0x4000),
            Ops.Prefetch(0x100000, 0x4000, 1),
            Ops.MapBo(second, 0x100000, 0x4000),
            Ops.MapBo(first, 0x200000, 0x4000),
            Ops.Prefetch(0x200000, 0x4000, 1),
            Ops.Unmap(0x200000, 0x4000)));
        Assert.Equal("100000-104000 BufferObject", _client.Areas(vm));
        Assert.Equal(Leaf.Vram(_client.VramOffset(second)), _client.Walk(vm, 0x100000));
        Assert.Equal(Leaf.Nothing, _client.Walk(vm, 0x200000));
        Assert.Equal(0, _client.CloseBo(first));
        Assert.Equal(0x4000ul, _client.Device.Vram.Used);
    }

    [Fact]
    [Trait("Rule", "7.3.array")]
    public void An_array_of_many_operations_works()
    {
        uint vm = _client.CreateVm(0);
        uint handle = _client.CreateBo(0x1000);
        drm_xe_vm_bind_op[] ops = [.. Enumerable.Range(0, 5000).Select(i => Ops.MapBo(handle, 0x10000 + ((ulong)i * 0x2000), 0x1000))];
        Assert.Equal(0, _client.BindArray(vm, ops));
        Assert.Equal(5000, _client.Inspect(vm).Vmas.Count);
        Assert.Equal(0, _client.UnbindRange(vm, 0, 1UL << 48));
        Assert.Equal(0, _client.Inspect(vm).Vmas.Count);
    }

    [Fact]
    [Trait("Rule", "7.2.MAP")]
    public void A_fault_mode_VM_binds_at_once_only_when_told_to()
    {
        uint vm = _client.CreateVm(DrmClient.FaultMode);
        uint handle = _client.CreateBo(0x4000, DrmClient.VramMemory);
        Assert.Equal(0, _client.BindBo(vm, handle, 0x100000, 0x4000));
        Assert.Equal(Leaf.Nothing, _client.Walk(vm, 0x100000));
        Assert.Equal(0, _client.BindBo(vm, handle, 0x200000, 0x4000, flags: DRM_XE_VM_BIND_FLAG_IMMEDIATE));
        Assert.Equal(Leaf.Vram(_client.VramOffset(handle)), _client.Walk(vm, 0x200000));
        Assert.Equal(0, _client.Bind(vm, Ops.Prefetch(0x100000, 0x1000, 1)));
        Assert.Equal(Leaf.Vram(_client.VramOffset(handle) + 0x3000), _client.Walk(vm, 0x103000));
    }

    private static string Areas(string pieces, string kind) =>
        string.Join(", ", pieces.Split(',').Where(piece => piece.Length > 0).Select(piece => $"{piece} {kind}"));

    /// <summary>A VM with V, for each kind that V can be of.</summary>
    private IEnumerable<(uint Vm, string Kind)> EveryKind()
    {
        uint vm = _client.CreateVm(DrmClient.FaultMode);
        Assert.Equal(0, _client.BindBo(vm, _client.CreateBo(Size), Start, Size));
        yield return (vm, "BufferObject");
        vm = _client.CreateVm(DrmClient.FaultMode);
        Assert.Equal(0, _client.BindNull(vm, Start, Size));
        yield return (vm, "Null");
        vm = _client.CreateVm(DrmClient.FaultMode);
        Assert.Equal(0, _client.BindMirror(vm, Start, Size));
        yield return (vm, "CpuAddressMirror");
    }
}
