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
        { "unknown VM", Errno.EINVAL, (ref args) => args.vm_id = 9 },
        { "VM 0", Errno.EINVAL, (ref args) => args.vm_id = 0 },
        { "unknown VM before unknown queue", Errno.EINVAL, (ref args) => (args.vm_id, args.exec_queue_id) = (9, UnknownQueue) },
        { "unknown VM before unreadable vector", Errno.EINVAL, (ref args) => (args.vm_id, args.num_binds, args.vector_of_binds) = (9, 2, 0) },
        { "pad", Errno.EINVAL, (ref args) => args.pad = 1 },
        { "pad2", Errno.EINVAL, (ref args) => args.pad2 = 1 },
        { "reserved 0", Errno.EINVAL, (ref args) => args.reserved[0] = 1 },
        { "reserved 1", Errno.EINVAL, (ref args) => args.reserved[1] = 1 },
        { "extensions", Errno.EINVAL, (ref args) => args.extensions = 1 },
        { "1025 syncs", Errno.EINVAL, (ref args) => args.num_syncs = DRM_XE_MAX_SYNCS + 1 },
        { "1025 syncs before unknown queue", Errno.EINVAL, (ref args) => (args.num_syncs, args.exec_queue_id) = (DRM_XE_MAX_SYNCS + 1, UnknownQueue) },
        { "unreadable vector", Errno.EFAULT, (ref args) => (args.num_binds, args.vector_of_binds) = (2, DrmClient.BadPointer) },
        { "pad before unreadable vector", Errno.EINVAL, (ref args) => (args.pad, args.num_binds, args.vector_of_binds) = (1, 2, 0) },
        { "unreadable vector before unknown queue", Errno.EFAULT, (ref args) =>
            (args.num_binds, args.vector_of_binds, args.exec_queue_id) = (2, 0, UnknownQueue) },
        { "more operations than fit", Errno.ENOBUFS, (ref args) => args.num_binds = uint.MaxValue },
        { "more operations than fit before unreadable vector", Errno.ENOBUFS, (ref args) => (args.num_binds, args.vector_of_binds) = (uint.MaxValue, 0) },

        // One operation.
        { "mirror on a VM without faults", Errno.EINVAL, (ref args) => (args.vm_id, args.bind) = (FenceVm, Ops.MapMirror(Address, 0x1000)) },
        { "PAT index beyond the table", Errno.EINVAL, (ref args) => args.bind.pat_index = 28 },
        { "highest PAT index", Errno.EINVAL, (ref args) => args.bind.pat_index = ushort.MaxValue },
        { "reserved PAT index", Errno.EINVAL, (ref args) => args.bind.pat_index = 16 },
        { "last reserved PAT index", Errno.EINVAL, (ref args) => args.bind.pat_index = 19 },
        { "PAT index of an unmap", Errno.EINVAL, (ref args) => args.bind = Ops.Unmap(Address, 0x1000) with { pat_index = 28 } },
        { "PAT index of a prefetch", Errno.EINVAL, (ref args) => args.bind = Ops.Prefetch(Address, 0x1000, 0) with { pat_index = 17 } },
        { "unknown operation", Errno.EINVAL, (ref args) => args.bind.op = 5 },
        { "highest operation", Errno.EINVAL, (ref args) => args.bind.op = uint.MaxValue },
        { "unknown flag", Errno.EINVAL, (ref args) => args.bind.flags = 0x100 },
        { "highest flag", Errno.EINVAL, (ref args) => args.bind.flags = 1u << 31 },
        { "object with NULL", Errno.EINVAL, (ref args) => args.bind.flags = DRM_XE_VM_BIND_FLAG_NULL },
        { "object with mirror", Errno.EINVAL, (ref args) => args.bind.flags = DRM_XE_VM_BIND_FLAG_CPU_ADDR_MIRROR },
        { "offset with NULL", Errno.EINVAL, (ref args) => args.bind = Ops.MapNull(Address, 0x1000) with { obj_offset = 0x1000 } },
        { "offset with mirror", Errno.EINVAL, (ref args) => args.bind = Ops.MapMirror(Address, 0x1000) with { cpu_addr_mirror_offset = 0x1000 } },
        { "NULL with unmap", Errno.EINVAL, (ref args) => args.bind = Ops.Unmap(Address, 0x1000) with { flags = DRM_XE_VM_BIND_FLAG_NULL } },
        { "mirror with unmap", Errno.EINVAL, (ref args) => args.bind = Ops.Unmap(Address, 0x1000) with { flags = DRM_XE_VM_BIND_FLAG_CPU_ADDR_MIRROR } },
        { "mirror with prefetch", Errno.EINVAL, (ref args) =>
            args.bind = Ops.Prefetch(Address, 0x1000, 0) with { flags = DRM_XE_VM_BIND_FLAG_CPU_ADDR_MIRROR } },
        { "DECOMPRESS with unmap", Errno.EINVAL, (ref args) => args.bind = Ops.Unmap(Address, 0x1000) with { flags = DRM_XE_VM_BIND_FLAG_DECOMPRESS } },
        { "DECOMPRESS with a compressing PAT index", Errno.EINVAL, (ref args) =>
            (args.bind.obj, args.bind.flags, args.bind.pat_index) = (InVram, DRM_XE_VM_BIND_FLAG_DECOMPRESS, CompressingPat) },
        { "map of nothing", Errno.EINVAL, (ref args) => args.bind.obj = 0 },
        { "UNMAP_ALL without object", Errno.EINVAL, (ref args) => args.bind = Ops.UnmapAll(0) },
        { "UNMAP_ALL with address", Errno.EINVAL, (ref args) => args.bind = Ops.UnmapAll(Cached) with { addr = Address } },
        { "UNMAP_ALL with range", Errno.EINVAL, (ref args) => args.bind = Ops.UnmapAll(Cached) with { range = 0x1000 } },
        { "MAP_USERPTR with object", Errno.EINVAL, (ref args) => args.bind = Ops.MapUserptr(0x10000, Address, 0x1000) with { obj = Cached } },
        { "MAP_USERPTR without coherency", Errno.EINVAL, (ref args) => args.bind = Ops.MapUserptr(0x10000, Address, 0x1000) with { pat_index = 0 } },
        { "MAP_USERPTR with a compressing PAT index", Errno.EINVAL, (ref args) =>
            args.bind = Ops.MapUserptr(0x10000, Address, 0x1000) with { pat_index = CompressingPat } },
        { "MAP_USERPTR of unaligned memory", Errno.EINVAL, (ref args) => args.bind = Ops.MapUserptr(0x10800, Address, 0x1000) },
        { "MAP_USERPTR of memory that is not there", Errno.EFAULT, (ref args) => args.bind = Ops.MapUserptr(DrmClient.BadPointer, Address, 0x1000) },
        { "prefetch with object", Errno.EINVAL, (ref args) => args.bind = Ops.Prefetch(Address, 0x1000, 0) with { obj = Cached } },
        { "region with map", Errno.EINVAL, (ref args) => args.bind.prefetch_mem_region_instance = 1 },
        { "region with unmap", Errno.EINVAL, (ref args) => args.bind = Ops.Unmap(Address, 0x1000) with { prefetch_mem_region_instance = 1 } },
        { "prefetch to a region that the device lacks", Errno.EINVAL, (ref args) => args.bind = Ops.Prefetch(Address, 0x1000, 2) },
        { "prefetch to region 32", Errno.EINVAL, (ref args) => args.bind = Ops.Prefetch(Address, 0x1000, 32) },
        { "prefetch to region 33", Errno.EINVAL, (ref args) => args.bind = Ops.Prefetch(Address, 0x1000, 33) },
        { "unmap with object", Errno.EINVAL, (ref args) => args.bind = Ops.Unmap(Address, 0x1000) with { obj = Cached } },
        { "AUTORESET without mirror", Errno.EINVAL, (ref args) => args.bind.flags = DRM_XE_VM_BIND_FLAG_MADVISE_AUTORESET },
        { "AUTORESET with unmap", Errno.EINVAL, (ref args) => args.bind = Ops.Unmap(Address, 0x1000) with { flags = DRM_XE_VM_BIND_FLAG_MADVISE_AUTORESET } },
        { "offset not of whole pages", Errno.EINVAL, (ref args) => args.bind.obj_offset = 0x800 },
        { "address not of whole pages", Errno.EINVAL, (ref args) => args.bind.addr = Address + 0x800 },
        { "range not of whole pages", Errno.EINVAL, (ref args) => args.bind.range = 0x1800 },
        { "range 0 to map", Errno.EINVAL, (ref args) => args.bind.range = 0 },
        { "range 0 to unmap", Errno.EINVAL, (ref args) => args.bind = Ops.Unmap(Address, 0) },
        { "range 0 to prefetch", Errno.EINVAL, (ref args) => args.bind = Ops.Prefetch(Address, 0, 0) },
        { "operation before unknown queue", Errno.EINVAL, (ref args) => (args.bind.op, args.exec_queue_id) = (5, UnknownQueue) },
        { "alignment before unknown queue", Errno.EINVAL, (ref args) => (args.bind.addr, args.exec_queue_id) = (1, UnknownQueue) },
        { "second operation before unknown queue", Errno.EINVAL, (ref args) =>
            {
                args.exec_queue_id = UnknownQueue;
                Vector(ref args, Ops.MapNull(Address, 0x1000), Ops.MapNull(Address, 0));
            } },

        // The queue.
        { "unknown queue", Errno.ENOENT, (ref args) => args.exec_queue_id = UnknownQueue },
        { "queue that is not for binds", Errno.EINVAL, (ref args) => args.exec_queue_id = CopyQueue },
        { "bind queue of another VM", Errno.EINVAL, (ref args) => args.exec_queue_id = OtherBindQueue },
        { "unknown queue before range outside the VM", Errno.ENOENT, (ref args) => (args.exec_queue_id, args.bind.addr) = (UnknownQueue, 1UL << 48) },
        { "wrong queue before unknown handle", Errno.EINVAL, (ref args) => (args.exec_queue_id, args.bind.obj) = (CopyQueue, UnknownHandle) },

        // The VM's size.
        { "range that ends outside the VM", Errno.EINVAL, (ref args) => args.bind.addr = (1UL << 48) - 0x1000 },
        { "address outside the VM", Errno.EINVAL, (ref args) => args.bind.addr = 1UL << 48 },
        { "canonical address of the upper half", Errno.EINVAL, (ref args) => args.bind.addr = 0xffff_8000_0000_0000 },
        { "range larger than the VM", Errno.EINVAL, (ref args) => args.bind = Ops.Unmap(0, (1UL << 48) + 0x1000) },
        { "range that wraps round", Errno.EINVAL, (ref args) => args.bind = Ops.Unmap(Address, ulong.MaxValue - 0xfff) },
        { "range outside the VM before unknown handle", Errno.EINVAL, (ref args) => (args.bind.addr, args.bind.obj) = (1UL << 48, UnknownHandle) },
        { "second range outside the VM before unknown handle of the first", Errno.EINVAL, (ref args) =>
            Vector(ref args, Ops.MapBo(UnknownHandle, Address, 0x1000), Ops.MapNull(1UL << 48, 0x1000)) },

        // The buffer object.
        { "unknown handle", Errno.ENOENT, (ref args) => args.bind.obj = UnknownHandle },
        { "unknown handle to unmap", Errno.ENOENT, (ref args) => args.bind = Ops.UnmapAll(UnknownHandle) },
        { "range larger than the object", Errno.EINVAL, (ref args) => args.bind.range = BoSize + 0x1000 },
        { "offset beyond the object", Errno.EINVAL, (ref args) => args.bind.obj_offset = BoSize },
        { "offset and range beyond the object", Errno.EINVAL, (ref args) => (args.bind.obj_offset, args.bind.range) = (0x1000, BoSize) },
        { "offset that wraps round", Errno.EINVAL, (ref args) => args.bind.obj_offset = ulong.MaxValue - 0xfff },
        { "incoherent PAT index on a cached object", Errno.EINVAL, (ref args) => args.bind.pat_index = 0 },
        { "incoherent PAT index to unmap a cached object", Errno.EINVAL, (ref args) => args.bind = Ops.UnmapAll(Cached) with { pat_index = 0 } },
        { "compressing PAT index on an object that forbids it", Errno.EINVAL, (ref args) =>
            (args.bind.obj, args.bind.pat_index) = (Uncompressed, CompressingPat) },
        { "unknown handle before bad syncs", Errno.ENOENT, (ref args) => (args.bind.obj, args.num_syncs) = (UnknownHandle, 1) },
        { "object too small before bad syncs", Errno.EINVAL, (ref args) => (args.bind.range, args.num_syncs) = (BoSize * 2, 1) },
        { "first operation's handle before second's size", Errno.ENOENT, (ref args) =>
            Vector(ref args, Ops.MapBo(UnknownHandle, Address, 0x1000), Ops.MapBo(Cached, Address, BoSize * 2)) },
        { "first operation's size before second's handle", Errno.EINVAL, (ref args) =>
            Vector(ref args, Ops.MapBo(Cached, Address, BoSize * 2), Ops.MapBo(UnknownHandle, Address, 0x1000)) },

        // The syncs, and what comes after them.
        { "unreadable syncs", Errno.EFAULT, (ref args) => args.num_syncs = 1 },
        { "unreadable syncs of an empty bind", Errno.EFAULT, (ref args) => (args.num_syncs, args.num_binds) = (1, 0) },
        { "unreadable syncs before a region that the object cannot live in", Errno.EFAULT, (ref args) =>
            {
                args.num_syncs = 1;
                Vector(ref args, Ops.MapBo(Cached, Address, BoSize), Ops.Prefetch(Address, BoSize, 1));
            } },
        { "prefetch to a region that the object cannot live in", Errno.EINVAL, (ref args) =>
            Vector(ref args, Ops.MapBo(Cached, Address, BoSize), Ops.Prefetch(Address, BoSize, 1)) },
        { "prefetch of VRAM to system memory that the object cannot live in", Errno.EINVAL, (ref args) =>
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

    public static TheoryData<string> Rules => s_rules.Names;

    public static TheoryData<string, uint> Flags => new()
    {
        { "IMMEDIATE", DRM_XE_VM_BIND_FLAG_IMMEDIATE },
        { "READONLY", DRM_XE_VM_BIND_FLAG_READONLY },
        { "DUMPABLE", DRM_XE_VM_BIND_FLAG_DUMPABLE },
        { "CHECK_PXP", DRM_XE_VM_BIND_FLAG_CHECK_PXP },
        { "DECOMPRESS", DRM_XE_VM_BIND_FLAG_DECOMPRESS },
    };

    public void Dispose() => _client.Dispose();

    [Theory]
    [MemberData(nameof(Rules))]
    public void A_broken_rule_gives_its_errno_and_changes_nothing(string rule)
    {
        drm_xe_vm_bind args = Good();
        int expected = s_rules.Break(rule, ref args);
        Assert.Equal(expected, _client.Ioctl(DRM_IOCTL_XE_VM_BIND, ref args));
        Assert.Equal(("", ""), (_client.Areas(FaultVm), _client.Areas(FenceVm)));

        args = Good();
        Assert.Equal(0, _client.Ioctl(DRM_IOCTL_XE_VM_BIND, ref args));
        Assert.Equal("100000-104000 BufferObject", _client.Areas(FaultVm));
    }

    [Theory]
    [MemberData(nameof(Flags))]
    public void Every_flag_of_a_map_is_accepted(string name, uint flag)
    {
        Assert.NotEmpty(name);
        Assert.Equal(0, _client.BindBo(FaultVm, InVram, Address, BoSize, flags: flag));
    }

    [Fact]
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
    public void A_bind_queue_of_the_VM_and_the_default_queue_do_the_same()
    {
        drm_xe_vm_bind args = Good();
        args.exec_queue_id = BindQueue;
        Assert.Equal(0, _client.Ioctl(DRM_IOCTL_XE_VM_BIND, ref args));
        Assert.Equal(0, _client.UnbindRange(FaultVm, Address, BoSize));
        Assert.Equal("", _client.Areas(FaultVm));
    }

    [Fact]
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
    public void A_compressing_PAT_index_is_fine_on_an_object_that_does_not_forbid_it()
    {
        Assert.Equal(0, _client.Bind(FaultVm, Ops.MapBo(InVram, Address, BoSize) with { pat_index = CompressingPat }));
        Assert.Equal(0, _client.Bind(FaultVm, Ops.MapBo(Uncompressed, Address, BoSize) with { pat_index = 0 }));
    }

    [Fact]
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
    public void An_object_is_prefetched_only_to_where_it_may_live(uint placement, uint region, int expected)
    {
        uint handle = _client.CreateBo(BoSize, placement);
        Assert.Equal(0, _client.BindBo(FaultVm, handle, Address, BoSize));
        Assert.Equal(expected, _client.Bind(FaultVm, Ops.Prefetch(Address, BoSize, region)));
    }

    private static drm_xe_vm_bind Good() => new() { vm_id = FaultVm, num_binds = 1, bind = Ops.MapBo(Cached, Address, BoSize) };

    private static void Vector(ref drm_xe_vm_bind args, params ReadOnlySpan<drm_xe_vm_bind_op> ops)
    {
        args.bind = default;
        args.num_binds = (uint)ops.Length;
        args.vector_of_binds = Pinned.Copy(ops);
    }
}
