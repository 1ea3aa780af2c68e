using XeSvm.Interop.Uapi;
using static XeSvm.Interop.Uapi.DrmXe;

namespace XeSvm.Simulation.Tests.Driver;

/// <summary>The checks of VM_BIND, and which of two broken rules answers.</summary>
public sealed unsafe class VmBindCheckTests : IDisposable
{
    private const uint FaultVm = 1;
    private const uint FenceVm = 2;
    private const uint Cached = 1;
    private const uint InVram = 2;
    private const uint Uncompressed = 3;
    private const uint UnknownHandle = 77;
    private const uint CopyQueue = 1;
    private const uint BindQueue = 2;
    private const uint OtherBindQueue = 3;
    private const uint UnknownQueue = 77;
    private const ulong BoSize = 0x4000;
    private const ulong Address = 0x100000;
    private const ushort CompressingPat = 12;

    private static readonly ErrnoTable<drm_xe_vm_bind> s_rules = new()
    {
        // The VM and the head of the argument.
        { "A: unknown VM", Errno.EINVAL, (ref args) => args.vm_id = 9 },
        { "A: VM 0", Errno.EINVAL, (ref args) => args.vm_id = 0 },
        { "A: unknown VM before unknown queue", Errno.EINVAL, (ref args) => (args.vm_id, args.exec_queue_id) = (9, UnknownQueue) },
        { "A: unknown VM before unreadable vector", Errno.EINVAL, (ref args) => (args.vm_id, args.num_binds, args.vector_of_binds) = (9, 2, 0) },
        { "B: pad", Errno.EINVAL, (ref args) => args.pad = 1 },
        { "B: pad2", Errno.EINVAL, (ref args) => args.pad2 = 1 },
        { "B: reserved 0", Errno.EINVAL, (ref args) => args.reserved[0] = 1 },
        { "B: reserved 1", Errno.EINVAL, (ref args) => args.reserved[1] = 1 },
        { "B: extensions", Errno.EINVAL, (ref args) => args.extensions = 1 },
        { "B: 1025 syncs", Errno.EINVAL, (ref args) => args.num_syncs = DRM_XE_MAX_SYNCS + 1 },
        { "B: 1025 syncs before unknown queue", Errno.EINVAL, (ref args) => (args.num_syncs, args.exec_queue_id) = (DRM_XE_MAX_SYNCS + 1, UnknownQueue) },
        { "B: unreadable vector", Errno.EFAULT, (ref args) => (args.num_binds, args.vector_of_binds) = (2, DrmClient.BadPointer) },
        { "B: pad before unreadable vector", Errno.EINVAL, (ref args) => (args.pad, args.num_binds, args.vector_of_binds) = (1, 2, 0) },
        { "B: unreadable vector before unknown queue", Errno.EFAULT, (ref args) =>
            (args.num_binds, args.vector_of_binds, args.exec_queue_id) = (2, 0, UnknownQueue) },
        { "B: more operations than fit", Errno.ENOBUFS, (ref args) => args.num_binds = uint.MaxValue },
        { "B: more operations than fit before unreadable vector", Errno.ENOBUFS, (ref args) => (args.num_binds, args.vector_of_binds) = (uint.MaxValue, 0) },

        // One operation.
        { "C.1: mirror on a VM without faults", Errno.EINVAL, (ref args) => (args.vm_id, args.bind) = (FenceVm, Ops.MapMirror(Address, 0x1000)) },
        { "C.2: PAT index beyond the table", Errno.EINVAL, (ref args) => args.bind.pat_index = 28 },
        { "C.2: highest PAT index", Errno.EINVAL, (ref args) => args.bind.pat_index = ushort.MaxValue },
        { "C.2: reserved PAT index", Errno.EINVAL, (ref args) => args.bind.pat_index = 16 },
        { "C.2: last reserved PAT index", Errno.EINVAL, (ref args) => args.bind.pat_index = 19 },
        { "C.2: PAT index of an unmap", Errno.EINVAL, (ref args) => args.bind = Ops.Unmap(Address, 0x1000) with { pat_index = 28 } },
        { "C.2: PAT index of a prefetch", Errno.EINVAL, (ref args) => args.bind = Ops.Prefetch(Address, 0x1000, 0) with { pat_index = 17 } },
        { "C.3: unknown operation", Errno.EINVAL, (ref args) => args.bind.op = 5 },
        { "C.3: highest operation", Errno.EINVAL, (ref args) => args.bind.op = uint.MaxValue },
        { "C.3: unknown flag", Errno.EINVAL, (ref args) => args.bind.flags = 0x100 },
        { "C.3: highest flag", Errno.EINVAL, (ref args) => args.bind.flags = 1u << 31 },
        { "C.3: object with NULL", Errno.EINVAL, (ref args) => args.bind.flags = DRM_XE_VM_BIND_FLAG_NULL },
        { "C.3: object with mirror", Errno.EINVAL, (ref args) => args.bind.flags = DRM_XE_VM_BIND_FLAG_CPU_ADDR_MIRROR },
        { "C.3: offset with NULL", Errno.EINVAL, (ref args) => args.bind = Ops.MapNull(Address, 0x1000) with { obj_offset = 0x1000 } },
        { "C.3: offset with mirror", Errno.EINVAL, (ref args) => args.bind = Ops.MapMirror(Address, 0x1000) with { cpu_addr_mirror_offset = 0x1000 } },
        { "C.3: NULL with unmap", Errno.EINVAL, (ref args) => args.bind = Ops.Unmap(Address, 0x1000) with { flags = DRM_XE_VM_BIND_FLAG_NULL } },
        { "C.3: mirror with unmap", Errno.EINVAL, (ref args) => args.bind = Ops.Unmap(Address, 0x1000) with { flags = DRM_XE_VM_BIND_FLAG_CPU_ADDR_MIRROR } },
        { "C.3: mirror with prefetch", Errno.EINVAL, (ref args) =>
            args.bind = Ops.Prefetch(Address, 0x1000, 0) with { flags = DRM_XE_VM_BIND_FLAG_CPU_ADDR_MIRROR } },
        { "C.3: DECOMPRESS with unmap", Errno.EINVAL, (ref args) => args.bind = Ops.Unmap(Address, 0x1000) with { flags = DRM_XE_VM_BIND_FLAG_DECOMPRESS } },
        { "C.3: DECOMPRESS with a compressing PAT index", Errno.EINVAL, (ref args) =>
            (args.bind.obj, args.bind.flags, args.bind.pat_index) = (InVram, DRM_XE_VM_BIND_FLAG_DECOMPRESS, CompressingPat) },
        { "C.3: map of nothing", Errno.EINVAL, (ref args) => args.bind.obj = 0 },
        { "C.3: UNMAP_ALL without object", Errno.EINVAL, (ref args) => args.bind = Ops.UnmapAll(0) },
        { "C.3: UNMAP_ALL with address", Errno.EINVAL, (ref args) => args.bind = Ops.UnmapAll(Cached) with { addr = Address } },
        { "C.3: UNMAP_ALL with range", Errno.EINVAL, (ref args) => args.bind = Ops.UnmapAll(Cached) with { range = 0x1000 } },
        { "C.3: MAP_USERPTR with object", Errno.EINVAL, (ref args) => args.bind = Ops.MapUserptr(0x10000, Address, 0x1000) with { obj = Cached } },
        { "C.3: MAP_USERPTR without coherency", Errno.EINVAL, (ref args) => args.bind = Ops.MapUserptr(0x10000, Address, 0x1000) with { pat_index = 0 } },
        { "C.3: MAP_USERPTR with a compressing PAT index", Errno.EINVAL, (ref args) =>
            args.bind = Ops.MapUserptr(0x10000, Address, 0x1000) with { pat_index = CompressingPat } },
        { "C.4: MAP_USERPTR of unaligned memory", Errno.EINVAL, (ref args) => args.bind = Ops.MapUserptr(0x10800, Address, 0x1000) },
        { "J: MAP_USERPTR of memory that is not there", Errno.EFAULT, (ref args) => args.bind = Ops.MapUserptr(DrmClient.BadPointer, Address, 0x1000) },
        { "C.3: prefetch with object", Errno.EINVAL, (ref args) => args.bind = Ops.Prefetch(Address, 0x1000, 0) with { obj = Cached } },
        { "C.3: region with map", Errno.EINVAL, (ref args) => args.bind.prefetch_mem_region_instance = 1 },
        { "C.3: region with unmap", Errno.EINVAL, (ref args) => args.bind = Ops.Unmap(Address, 0x1000) with { prefetch_mem_region_instance = 1 } },
        { "C.3: prefetch to a region that the device lacks", Errno.EINVAL, (ref args) => args.bind = Ops.Prefetch(Address, 0x1000, 2) },
        { "C.3: prefetch to region 32", Errno.EINVAL, (ref args) => args.bind = Ops.Prefetch(Address, 0x1000, 32) },
        { "C.3: prefetch to region 33", Errno.EINVAL, (ref args) => args.bind = Ops.Prefetch(Address, 0x1000, 33) },
        { "C.3: unmap with object", Errno.EINVAL, (ref args) => args.bind = Ops.Unmap(Address, 0x1000) with { obj = Cached } },
        { "C.3: AUTORESET without mirror", Errno.EINVAL, (ref args) => args.bind.flags = DRM_XE_VM_BIND_FLAG_MADVISE_AUTORESET },
        { "C.3: AUTORESET with unmap", Errno.EINVAL, (ref args) => args.bind = Ops.Unmap(Address, 0x1000) with { flags = DRM_XE_VM_BIND_FLAG_MADVISE_AUTORESET } },
        { "C.4: offset not of whole pages", Errno.EINVAL, (ref args) => args.bind.obj_offset = 0x800 },
        { "C.4: address not of whole pages", Errno.EINVAL, (ref args) => args.bind.addr = Address + 0x800 },
        { "C.4: range not of whole pages", Errno.EINVAL, (ref args) => args.bind.range = 0x1800 },
        { "C.4: range 0 to map", Errno.EINVAL, (ref args) => args.bind.range = 0 },
        { "C.4: range 0 to unmap", Errno.EINVAL, (ref args) => args.bind = Ops.Unmap(Address, 0) },
        { "C.4: range 0 to prefetch", Errno.EINVAL, (ref args) => args.bind = Ops.Prefetch(Address, 0, 0) },
        { "C.3: operation before unknown queue", Errno.EINVAL, (ref args) => (args.bind.op, args.exec_queue_id) = (5, UnknownQueue) },
        { "C.4: alignment before unknown queue", Errno.EINVAL, (ref args) => (args.bind.addr, args.exec_queue_id) = (1, UnknownQueue) },
        { "C.4: second operation before unknown queue", Errno.EINVAL, (ref args) =>
            {
                args.exec_queue_id = UnknownQueue;
                Vector(ref args, Ops.MapNull(Address, 0x1000), Ops.MapNull(Address, 0));
            } },

        // The queue.
        { "D: unknown queue", Errno.ENOENT, (ref args) => args.exec_queue_id = UnknownQueue },
        { "D: queue that is not for binds", Errno.EINVAL, (ref args) => args.exec_queue_id = CopyQueue },
        { "D: bind queue of another VM", Errno.EINVAL, (ref args) => args.exec_queue_id = OtherBindQueue },
        { "D: unknown queue before range outside the VM", Errno.ENOENT, (ref args) => (args.exec_queue_id, args.bind.addr) = (UnknownQueue, 1UL << 48) },
        { "D: wrong queue before unknown handle", Errno.EINVAL, (ref args) => (args.exec_queue_id, args.bind.obj) = (CopyQueue, UnknownHandle) },

        // The VM's size.
        { "F: range that ends outside the VM", Errno.EINVAL, (ref args) => args.bind.addr = (1UL << 48) - 0x1000 },
        { "F: address outside the VM", Errno.EINVAL, (ref args) => args.bind.addr = 1UL << 48 },
        { "F: canonical address of the upper half", Errno.EINVAL, (ref args) => args.bind.addr = 0xffff_8000_0000_0000 },
        { "F: range larger than the VM", Errno.EINVAL, (ref args) => args.bind = Ops.Unmap(0, (1UL << 48) + 0x1000) },
        { "F: range that wraps round", Errno.EINVAL, (ref args) => args.bind = Ops.Unmap(Address, ulong.MaxValue - 0xfff) },
        { "F: range outside the VM before unknown handle", Errno.EINVAL, (ref args) => (args.bind.addr, args.bind.obj) = (1UL << 48, UnknownHandle) },
        { "F: second range outside the VM before unknown handle of the first", Errno.EINVAL, (ref args) =>
            Vector(ref args, Ops.MapBo(UnknownHandle, Address, 0x1000), Ops.MapNull(1UL << 48, 0x1000)) },

        // The buffer object.
        { "G: unknown handle", Errno.ENOENT, (ref args) => args.bind.obj = UnknownHandle },
        { "G: unknown handle to unmap", Errno.ENOENT, (ref args) => args.bind = Ops.UnmapAll(UnknownHandle) },
        { "G: range larger than the object", Errno.EINVAL, (ref args) => args.bind.range = BoSize + 0x1000 },
        { "G: offset beyond the object", Errno.EINVAL, (ref args) => args.bind.obj_offset = BoSize },
        { "G: offset and range beyond the object", Errno.EINVAL, (ref args) => (args.bind.obj_offset, args.bind.range) = (0x1000, BoSize) },
        { "G: offset that wraps round", Errno.EINVAL, (ref args) => args.bind.obj_offset = ulong.MaxValue - 0xfff },
        { "G: incoherent PAT index on a cached object", Errno.EINVAL, (ref args) => args.bind.pat_index = 0 },
        { "G: incoherent PAT index to unmap a cached object", Errno.EINVAL, (ref args) => args.bind = Ops.UnmapAll(Cached) with { pat_index = 0 } },
        { "G: compressing PAT index on an object that forbids it", Errno.EINVAL, (ref args) =>
            (args.bind.obj, args.bind.pat_index) = (Uncompressed, CompressingPat) },
        { "G: unknown handle before bad syncs", Errno.ENOENT, (ref args) => (args.bind.obj, args.num_syncs) = (UnknownHandle, 1) },
        { "G: object too small before bad syncs", Errno.EINVAL, (ref args) => (args.bind.range, args.num_syncs) = (BoSize * 2, 1) },
        { "G: first operation's handle before second's size", Errno.ENOENT, (ref args) =>
            Vector(ref args, Ops.MapBo(UnknownHandle, Address, 0x1000), Ops.MapBo(Cached, Address, BoSize * 2)) },
        { "G: first operation's size before second's handle", Errno.EINVAL, (ref args) =>
            Vector(ref args, Ops.MapBo(Cached, Address, BoSize * 2), Ops.MapBo(UnknownHandle, Address, 0x1000)) },

        // The syncs, and what comes after them.
        { "H: unreadable syncs", Errno.EFAULT, (ref args) => args.num_syncs = 1 },
        { "H: unreadable syncs of an empty bind", Errno.EFAULT, (ref args) => (args.num_syncs, args.num_binds) = (1, 0) },
        { "H: unreadable syncs before a region that the object cannot live in", Errno.EFAULT, (ref args) =>
            {
                args.num_syncs = 1;
                Vector(ref args, Ops.MapBo(Cached, Address, BoSize), Ops.Prefetch(Address, BoSize, 1));
            } },
        { "L: prefetch to a region that the object cannot live in", Errno.EINVAL, (ref args) =>
            Vector(ref args, Ops.MapBo(Cached, Address, BoSize), Ops.Prefetch(Address, BoSize, 1)) },
        { "L: prefetch of VRAM to system memory that the object cannot live in", Errno.EINVAL, (ref args) =>
            Vector(ref args, Ops.MapBo(InVram, Address, BoSize), Ops.Prefetch(Address, BoSize, 0)) },
    };

    private readonly DrmClient _client = new();

    public VmBindCheckTests()
    {
        Assert.Equal(FaultVm, _client.CreateVm(DrmClient.FaultMode));
        Assert.Equal(FenceVm, _client.CreateVm(0));
        Assert.Equal(Cached, _client.CreateBo(BoSize));
        Assert.Equal(InVram, _client.CreateBo(BoSize, DrmClient.VramMemory));
        Assert.Equal(Uncompressed, _client.CreateBo(BoSize, DrmClient.VramMemory, DRM_XE_GEM_CREATE_FLAG_NO_COMPRESSION));
        Assert.Equal(CopyQueue, _client.CreateQueue(FaultVm));
        Assert.Equal(BindQueue, _client.CreateQueue(FaultVm, DRM_XE_ENGINE_CLASS_VM_BIND));
        Assert.Equal(OtherBindQueue, _client.CreateQueue(FenceVm, DRM_XE_ENGINE_CLASS_VM_BIND));
    }


    public static TheoryData<string, uint> Flags => new()
    {
        { "IMMEDIATE", DRM_XE_VM_BIND_FLAG_IMMEDIATE },
        { "READONLY", DRM_XE_VM_BIND_FLAG_READONLY },
        { "DUMPABLE", DRM_XE_VM_BIND_FLAG_DUMPABLE },
        { "CHECK_PXP", DRM_XE_VM_BIND_FLAG_CHECK_PXP },
        { "DECOMPRESS", DRM_XE_VM_BIND_FLAG_DECOMPRESS },
    };

    public static TheoryData<string> RulesOf(string item) => s_rules.Of(item);

    public void Dispose() => _client.Dispose();

    [Theory]
    [Trait("Rule", "7.1.A")]
    [MemberData(nameof(RulesOf), "A")]
    public void An_unknown_VM_is_EINVAL_before_all_else(string rule) => Break(rule);

    [Theory]
    [Trait("Rule", "7.1.B")]
    [MemberData(nameof(RulesOf), "B")]
    public void The_head_and_the_vector_are_checked_before_any_operation(string rule) => Break(rule);

    [Theory]
    [Trait("Rule", "7.1.C.1")]
    [MemberData(nameof(RulesOf), "C.1")]
    public void A_mirror_wants_a_VM_with_faults(string rule) => Break(rule);

    [Theory]
    [Trait("Rule", "7.1.C.2")]
    [MemberData(nameof(RulesOf), "C.2")]
    public void The_PAT_index_of_every_operation_must_be_a_good_one(string rule) => Break(rule);

    [Theory]
    [Trait("Rule", "7.1.C.3")]
    [MemberData(nameof(RulesOf), "C.3")]
    public void Operation_flags_and_object_must_fit_each_other(string rule) => Break(rule);

    [Theory]
    [Trait("Rule", "7.1.C.4")]
    [MemberData(nameof(RulesOf), "C.4")]
    public void Addresses_are_of_whole_pages_and_ranges_not_empty(string rule) => Break(rule);

    [Theory]
    [Trait("Rule", "7.1.D")]
    [MemberData(nameof(RulesOf), "D")]
    public void The_queue_must_exist_be_for_binds_and_of_the_VM(string rule) => Break(rule);

    [Theory]
    [Trait("Rule", "7.1.F")]
    [MemberData(nameof(RulesOf), "F")]
    public void Ranges_lie_in_the_VM_as_plain_numbers(string rule) => Break(rule);

    [Theory]
    [Trait("Rule", "7.1.G")]
    [MemberData(nameof(RulesOf), "G")]
    public void The_object_must_exist_and_suit_the_operation(string rule) => Break(rule);

    [Theory]
    [Trait("Rule", "7.1.H")]
    [MemberData(nameof(RulesOf), "H")]
    public void Syncs_are_looked_at_after_the_objects(string rule) => Break(rule);

    [Theory]
    [Trait("Rule", "7.1.J")]
    [MemberData(nameof(RulesOf), "J")]
    public void Client_memory_must_be_there(string rule) => Break(rule);

    [Theory]
    [Trait("Rule", "7.1.L")]
    [MemberData(nameof(RulesOf), "L")]
    public void A_prefetch_goes_where_the_object_may_live(string rule) => Break(rule);

    [Theory]
    [Trait("Rule", "7.1.C.5")]
    [InlineData("pvc2")]
    [InlineData("lnl")]
    public void DECOMPRESS_without_flat_compression_control_is_EOPNOTSUPP(string device)
    {
        using var client = new DrmClient(new SoftwareBackendOptions { Device = device, VramBytes = 16 << 20, CpuFaults = "coherent" });
        uint vm = client.CreateVm(0);
        uint handle = client.CreateBo(0x10000);
        Assert.Equal(-Errno.EOPNOTSUPP, client.BindBo(vm, handle, 0x100000, 0x10000, flags: DRM_XE_VM_BIND_FLAG_DECOMPRESS));
        Assert.Equal("", client.Areas(vm));
    }

    [Fact]
    [Trait("Rule", "7.1.B")]
    [Trait("Rule", "19.vector")]
    public void A_vector_that_is_too_large_is_ENOBUFS_and_not_ENOMEM()
    {
        drm_xe_vm_bind args = Good();
        (args.num_binds, args.vector_of_binds) = (uint.MaxValue, Address);
        Assert.Equal(-Errno.ENOBUFS, _client.Ioctl(DRM_IOCTL_XE_VM_BIND, ref args));
    }

    [Theory]
    [MemberData(nameof(Flags))]
    [Trait("Rule", "7.2.flags")]
    public void Every_flag_of_a_map_is_accepted(string name, uint flag)
    {
        Assert.NotEmpty(name);
        Assert.Equal(0, _client.BindBo(FaultVm, InVram, Address, BoSize, flags: flag));
    }

    [Fact]
    [Trait("Rule", "7.1.unchecked")]
    public void Fields_of_an_operation_that_the_kernel_does_not_check_may_be_anything()
    {
        drm_xe_vm_bind args = Good();
        args.bind.extensions = 1;
        args.bind.pad = 1;
        args.bind.pad2 = 1;
        args.bind.reserved[0] = args.bind.reserved[1] = args.bind.reserved[2] = 1;
        Assert.Equal(0, _client.Ioctl(DRM_IOCTL_XE_VM_BIND, ref args));
    }

    [Fact]
    [Trait("Rule", "7.1.D")]
    public void A_bind_queue_of_the_VM_and_the_default_queue_do_the_same()
    {
        drm_xe_vm_bind args = Good();
        args.exec_queue_id = BindQueue;
        Assert.Equal(0, _client.Ioctl(DRM_IOCTL_XE_VM_BIND, ref args));
        Assert.Equal(0, _client.UnbindRange(FaultVm, Address, BoSize));
        Assert.Equal("", _client.Areas(FaultVm));
    }

    [Fact]
    [Trait("Rule", "7.1.I")]
    public void An_empty_bind_checks_its_arguments_and_the_queue_and_nothing_else()
    {
        drm_xe_vm_bind args = Good();
        args.num_binds = 0;
        args.bind.op = 99; // not looked at
        Assert.Equal(0, _client.Ioctl(DRM_IOCTL_XE_VM_BIND, ref args));
        args.exec_queue_id = UnknownQueue;
        Assert.Equal(-Errno.ENOENT, _client.Ioctl(DRM_IOCTL_XE_VM_BIND, ref args));
        args.pad = 1;
        Assert.Equal(-Errno.EINVAL, _client.Ioctl(DRM_IOCTL_XE_VM_BIND, ref args));
    }

    [Fact]
    [Trait("Rule", "7.1.G")]
    public void A_compressing_PAT_index_is_fine_on_an_object_that_does_not_forbid_it()
    {
        Assert.Equal(0, _client.Bind(FaultVm, Ops.MapBo(InVram, Address, BoSize) with { pat_index = CompressingPat }));
        Assert.Equal(0, _client.Bind(FaultVm, Ops.MapBo(Uncompressed, Address, BoSize) with { pat_index = 0 }));
    }

    [Fact]
    [Trait("Rule", "7.1.F")]
    public void The_whole_VM_can_be_mapped_and_unmapped()
    {
        foreach (uint vm in (ReadOnlySpan<uint>)[FaultVm, FenceVm])
        {
            Assert.Equal(0, _client.BindNull(vm, 0, 1UL << 48));
            Assert.Equal("0-1000000000000 Null", _client.Areas(vm));
            Assert.Equal(0, _client.BindNull(vm, (1UL << 48) - 0x1000, 0x1000));
            Assert.Equal(0, _client.UnbindRange(vm, 0, 1UL << 48));
            Assert.Equal("", _client.Areas(vm));
        }
    }

    [Fact]
    [Trait("Rule", "7.1.K")]
    [Trait("Rule", "7.2.UNMAP")]
    public void Unmapping_and_prefetching_a_hole_succeed()
    {
        Assert.Equal(0, _client.UnbindRange(FaultVm, 0, 1UL << 48));
        Assert.Equal(0, _client.Bind(FaultVm, Ops.Prefetch(Address, 1UL << 30, 1)));
        Assert.Equal(0, _client.Bind(FaultVm, Ops.Prefetch(Address, 1UL << 30, DRM_XE_CONSULT_MEM_ADVISE_PREF_LOC)));
        Assert.Equal(0, _client.Bind(FaultVm, Ops.UnmapAll(Cached)));
    }

    [Theory]
    [InlineData(DrmClient.SystemMemory, 0u, 0)]
    [InlineData(DrmClient.SystemMemory, 1u, -Errno.EINVAL)]
    [InlineData(DrmClient.VramMemory, 0u, -Errno.EINVAL)]
    [InlineData(DrmClient.VramMemory, 1u, 0)]
    [InlineData(DrmClient.VramMemory | DrmClient.SystemMemory, 0u, 0)]
    [InlineData(DrmClient.VramMemory | DrmClient.SystemMemory, 1u, 0)]
    [InlineData(DrmClient.SystemMemory, DRM_XE_CONSULT_MEM_ADVISE_PREF_LOC, 0)]
    [InlineData(DrmClient.VramMemory, DRM_XE_CONSULT_MEM_ADVISE_PREF_LOC, 0)]
    [Trait("Rule", "7.1.L")]
    [Trait("Rule", "7.2.PREFETCH-bo")]
    public void An_object_is_prefetched_only_to_where_it_may_live(uint placement, uint region, int expected)
    {
        uint handle = _client.CreateBo(BoSize, placement);
        Assert.Equal(0, _client.BindBo(FaultVm, handle, Address, BoSize));
        Assert.Equal(expected, _client.Bind(FaultVm, Ops.Prefetch(Address, BoSize, region)));
    }

    private void Break(string rule)
    {
        drm_xe_vm_bind args = Good();
        int expected = s_rules.Break(rule, ref args);
        Assert.Equal(expected, _client.Ioctl(DRM_IOCTL_XE_VM_BIND, ref args));
        Assert.Equal(("", ""), (_client.Areas(FaultVm), _client.Areas(FenceVm)));

        args = Good();
        Assert.Equal(0, _client.Ioctl(DRM_IOCTL_XE_VM_BIND, ref args));
        Assert.Equal("100000-104000 BufferObject", _client.Areas(FaultVm));
    }

    private static drm_xe_vm_bind Good() => new() { vm_id = FaultVm, num_binds = 1, bind = Ops.MapBo(Cached, Address, BoSize) };

    private static void Vector(ref drm_xe_vm_bind args, params ReadOnlySpan<drm_xe_vm_bind_op> ops)
    {
        args.bind = default;
        args.num_binds = (uint)ops.Length;
        args.vector_of_binds = Pinned.Copy(ops);
    }
}
