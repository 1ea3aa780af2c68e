using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Driver;
using static XeSvm.Interop.Uapi.DrmXe;

namespace XeSvm.Simulation.Tests.Driver;

/// <summary>MADVISE: checks in order, and what advice does to areas and to atomics of the GPU.</summary>
public sealed unsafe class MadviseTests : IDisposable
{
    private const uint FaultVm = 1;
    private const ulong Address = 0x100000;
    private const ulong Size = 0x10000;

    private static readonly ErrnoTable<drm_xe_madvise> s_locationRules = new()
    {
        { "unknown VM", Errno.EINVAL, (ref args) => args.vm_id = 9 },
        { "VM 0", Errno.EINVAL, (ref args) => args.vm_id = 0 },
        { "unaligned start", Errno.EINVAL, (ref args) => args.start += 0x800 },
        { "unaligned range", Errno.EINVAL, (ref args) => args.range += 0x800 },
        { "range 0", Errno.EINVAL, (ref args) => args.range = 0 },
        { "unknown type", Errno.EINVAL, (ref args) => args.type = 4 },
        { "highest type", Errno.EINVAL, (ref args) => args.type = uint.MaxValue },
        { "reserved 0", Errno.EINVAL, (ref args) => args.reserved[0] = 1 },
        { "reserved 1", Errno.EINVAL, (ref args) => args.reserved[1] = 1 },
        { "fd below -1", Errno.EINVAL, (ref args) => args.preferred_mem_loc.devmem_fd = unchecked((uint)-2) },
        { "lowest fd", Errno.EINVAL, (ref args) => args.preferred_mem_loc.devmem_fd = 0x8000_0000 },
        { "region without an fd", Errno.EINVAL, (ref args) => args.preferred_mem_loc.region_instance = 1 },
        { "region of the default device", Errno.EINVAL, (ref args) => (args.preferred_mem_loc.devmem_fd, args.preferred_mem_loc.region_instance) = (0, 1) },
        { "migration policy 2", Errno.EINVAL, (ref args) => args.preferred_mem_loc.migration_policy = 2 },
        { "reserved field of the location", Errno.EINVAL, (ref args) => args.preferred_mem_loc.reserved = 1 },
        { "fd that is not an xe file", Errno.ENOENT, (ref args) => (args.preferred_mem_loc.devmem_fd, args.preferred_mem_loc.region_instance) = (1, 1) },
        { "fd that is not open", Errno.ENOENT, (ref args) => args.preferred_mem_loc.devmem_fd = int.MaxValue },
        { "policy before fd", Errno.EINVAL, (ref args) => (args.preferred_mem_loc.migration_policy, args.preferred_mem_loc.devmem_fd) = (2, 1) },
        { "unknown VM before fd", Errno.EINVAL, (ref args) => (args.vm_id, args.preferred_mem_loc.devmem_fd) = (9, 1) },
        { "fd before range outside the VM", Errno.ENOENT, (ref args) => (args.preferred_mem_loc.devmem_fd, args.range) = (1, 1UL << 48) },
        { "range outside the VM", Errno.EINVAL, (ref args) => args.range = 1UL << 48 },
        { "range that wraps round", Errno.EINVAL, (ref args) => args.range = ulong.MaxValue - 0xfff },
        { "PAT index that does not exist", Errno.EINVAL, (ref args) =>
            (args.type, args.preferred_mem_loc, args.pat_index.val) = (DRM_XE_MEM_RANGE_ATTR_PAT, default, 28) },
        { "PAT index that is reserved", Errno.EINVAL, (ref args) =>
            (args.type, args.preferred_mem_loc, args.pat_index.val) = (DRM_XE_MEM_RANGE_ATTR_PAT, default, 16) },
        { "pad of a PAT index", Errno.EINVAL, (ref args) =>
            (args.type, args.preferred_mem_loc, args.pat_index.pad) = (DRM_XE_MEM_RANGE_ATTR_PAT, default, 1) },
        { "reserved field of a PAT index", Errno.EINVAL, (ref args) =>
            (args.type, args.preferred_mem_loc, args.pat_index.reserved) = (DRM_XE_MEM_RANGE_ATTR_PAT, default, 1) },
        { "purgeable state 2", Errno.EINVAL, (ref args) =>
            (args.type, args.preferred_mem_loc, args.purge_state_val.val) = (DRM_XE_VMA_ATTR_PURGEABLE_STATE, default, 2) },
        { "pad of a purgeable state", Errno.EINVAL, (ref args) =>
            (args.type, args.preferred_mem_loc, args.purge_state_val.pad) = (DRM_XE_VMA_ATTR_PURGEABLE_STATE, default, 1) },
        { "unreadable pointer of a purgeable state", Errno.EFAULT, (ref args) =>
            (args.type, args.preferred_mem_loc, args.purge_state_val.retained_ptr) = (DRM_XE_VMA_ATTR_PURGEABLE_STATE, default, DrmClient.BadPointer) },
    };

    private static readonly ErrnoTable<drm_xe_madvise> s_atomicRules = new()
    {
        { "unknown VM", Errno.EINVAL, (ref args) => args.vm_id = 9 },
        { "policy 4", Errno.EINVAL, (ref args) => args.atomic.val = 4 },
        { "pad", Errno.EINVAL, (ref args) => args.atomic.pad = 1 },
        { "reserved field of the policy", Errno.EINVAL, (ref args) => args.atomic.reserved = 1 },
        { "range outside the VM", Errno.EINVAL, (ref args) => args.range = 1UL << 48 },
    };

    private readonly DrmClient _client = new();

    public MadviseTests()
    {
        Assert.Equal(FaultVm, _client.CreateVm(DrmClient.FaultMode));
    }

    public static TheoryData<string> LocationRules => s_locationRules.Names;

    public static TheoryData<string> AtomicRules => s_atomicRules.Names;

    /// <summary>A policy, placements of an object, and whether the kernel takes the one for the other (check_bo_args_are_sane).</summary>
    public static TheoryData<uint, uint, bool> Policies => new()
    {
        { DRM_XE_ATOMIC_UNDEFINED, DrmClient.SystemMemory, true },
        { DRM_XE_ATOMIC_UNDEFINED, DrmClient.VramMemory, true },
        { DRM_XE_ATOMIC_UNDEFINED, DrmClient.SystemMemory | DrmClient.VramMemory, true },
        { DRM_XE_ATOMIC_DEVICE, DrmClient.SystemMemory, true }, // the device can do atomics on system memory
        { DRM_XE_ATOMIC_DEVICE, DrmClient.VramMemory, true },
        { DRM_XE_ATOMIC_DEVICE, DrmClient.SystemMemory | DrmClient.VramMemory, true },
        { DRM_XE_ATOMIC_GLOBAL, DrmClient.SystemMemory, false },
        { DRM_XE_ATOMIC_GLOBAL, DrmClient.VramMemory, false },
        { DRM_XE_ATOMIC_GLOBAL, DrmClient.SystemMemory | DrmClient.VramMemory, true },
        { DRM_XE_ATOMIC_CPU, DrmClient.SystemMemory, true },
        { DRM_XE_ATOMIC_CPU, DrmClient.VramMemory, false },
        { DRM_XE_ATOMIC_CPU, DrmClient.SystemMemory | DrmClient.VramMemory, true },
    };

    public void Dispose() => _client.Dispose();

    [Theory]
    [MemberData(nameof(LocationRules))]
    [Trait("Rule", "12.checks")]
    [Trait("Rule", "19.unknown-vm")]
    public void A_broken_rule_of_a_location_gives_its_errno_and_changes_nothing(string rule)
    {
        Assert.Equal(0, _client.BindMirror(FaultVm, 0, 1UL << 47));
        var args = new drm_xe_madvise { vm_id = FaultVm, start = Address, range = Size, type = DRM_XE_MEM_RANGE_ATTR_PREFERRED_LOC };
        args.preferred_mem_loc.devmem_fd = DRM_XE_PREFERRED_LOC_DEFAULT_SYSTEM;
        drm_xe_madvise good = args;
        int expected = s_locationRules.Break(rule, ref args);
        Assert.Equal(expected, _client.Ioctl(DRM_IOCTL_XE_MADVISE, ref args));
        Assert.Equal("0-800000000000 CpuAddressMirror", _client.Areas(FaultVm));
        Assert.Equal(0, _client.Ioctl(DRM_IOCTL_XE_MADVISE, ref good));
        Assert.Equal(-1, AttributesAt(Address).PreferredDevmemFd);
    }

    [Theory]
    [MemberData(nameof(AtomicRules))]
    [Trait("Rule", "12.checks")]
    public void A_broken_rule_of_an_atomic_policy_gives_its_errno_and_changes_nothing(string rule)
    {
        Assert.Equal(0, _client.BindMirror(FaultVm, Address, Size));
        var args = new drm_xe_madvise { vm_id = FaultVm, start = Address, range = Size, type = DRM_XE_MEM_RANGE_ATTR_ATOMIC };
        args.atomic.val = DRM_XE_ATOMIC_GLOBAL;
        drm_xe_madvise good = args;
        int expected = s_atomicRules.Break(rule, ref args);
        Assert.Equal(expected, _client.Ioctl(DRM_IOCTL_XE_MADVISE, ref args));
        Assert.Equal(AtomicPolicy.Undefined, AttributesAt(Address).Atomic);
        Assert.Equal(0, _client.Ioctl(DRM_IOCTL_XE_MADVISE, ref good));
        Assert.Equal(AtomicPolicy.Global, AttributesAt(Address).Atomic);
    }

    [Theory]
    [Trait("Rule", "12.atomic-placement")]
    [MemberData(nameof(Policies))]
    public void An_object_takes_a_policy_only_when_it_may_live_where_the_policy_needs_it(uint policy, uint placement, bool good)
    {
        Assert.Equal(0, _client.BindBo(FaultVm, _client.CreateBo(Size, placement), Address, Size));
        Assert.Equal(good ? 0 : -Errno.EINVAL, _client.AdviseAtomic(FaultVm, Address, Size, policy));
        Assert.Equal(good ? (AtomicPolicy)policy : AtomicPolicy.Undefined, AttributesAt(Address).Atomic);
    }

    [Fact]
    [Trait("Rule", "12.late-EINVAL")]
    public void One_object_that_cannot_take_it_fails_the_call_and_leaves_only_the_split()
    {
        Assert.Equal(0, _client.BindMirror(FaultVm, Address, 2 * Size));
        Assert.Equal(0, _client.BindBo(FaultVm, _client.CreateBo(Size, DrmClient.VramMemory), Address + (2 * Size), Size));
        Assert.Equal(-Errno.EINVAL, _client.AdviseAtomic(FaultVm, Address + Size, 2 * Size, DRM_XE_ATOMIC_CPU));
        Assert.Equal("100000-110000 CpuAddressMirror, 110000-120000 CpuAddressMirror, 120000-130000 BufferObject", _client.Areas(FaultVm));
        Assert.Equal(AtomicPolicy.Undefined, AttributesAt(Address + Size).Atomic);
    }

    [Fact]
    [Trait("Rule", "12.split")]
    public void An_object_that_is_merely_touched_gets_the_policy_as_a_whole()
    {
        Assert.Equal(0, _client.BindBo(FaultVm, _client.CreateBo(Size), Address, Size));
        Assert.Equal(0, _client.AdviseAtomic(FaultVm, Address + Size - 0x1000, Size, DRM_XE_ATOMIC_DEVICE));
        Assert.Equal(AtomicPolicy.Device, AttributesAt(Address).Atomic);
        Assert.Equal("100000-110000 BufferObject", _client.Areas(FaultVm));
    }

    [Fact]
    [Trait("Rule", "12.PREFERRED_LOC")]
    public void A_location_is_for_mirrors_and_others_are_passed_over()
    {
        Assert.Equal(0, _client.BindBo(FaultVm, _client.CreateBo(Size), Address, Size));
        Assert.Equal(0, _client.BindNull(FaultVm, Address + Size, Size));
        Assert.Equal(0, _client.BindMirror(FaultVm, Address + (3 * Size), Size));
        Assert.Equal(0, _client.AdviseLocation(FaultVm, Address, 4 * Size, -1, policy: DRM_XE_MIGRATE_ONLY_SYSTEM_PAGES));
        Assert.Equal((0, 0), (AttributesAt(Address).PreferredDevmemFd, AttributesAt(Address + Size).PreferredDevmemFd));
        VmaAttributes mirror = AttributesAt(Address + (3 * Size));
        Assert.Equal((-1, DRM_XE_MIGRATE_ONLY_SYSTEM_PAGES), (mirror.PreferredDevmemFd, mirror.MigrationPolicy));
    }

    [Theory]
    [InlineData("bmg", DRM_XE_ATOMIC_CPU, AtomicPolicy.Undefined)]
    [InlineData("bmg", DRM_XE_ATOMIC_GLOBAL, AtomicPolicy.Undefined)]
    [InlineData("bmg", DRM_XE_ATOMIC_DEVICE, AtomicPolicy.Device)]
    [InlineData("pvc2", DRM_XE_ATOMIC_DEVICE, AtomicPolicy.Undefined)]
    [Trait("Rule", "12.ATOMIC")]
    public void A_userptr_takes_no_atomic_policy_but_that_of_a_device_which_can_do_atomics_there(string device, uint policy, object stored)
    {
        using var client = new DrmClient(new SoftwareBackendOptions { Device = device, VramBytes = 16 << 20, CpuFaults = "coherent" });
        uint vm = client.CreateVm(DrmClient.FaultMode);
        ulong memory = DrmClient.Map(0x1000);
        ushort pat = (ushort)(device == "bmg" ? DrmClient.CoherentPat : 3);
        Assert.Equal(0, client.Bind(vm, Ops.MapUserptr(memory, Address, 0x1000) with { pat_index = pat }));
        Assert.Equal(0, client.AdviseAtomic(vm, Address, 0x1000, policy));
        Assert.Equal(stored, client.Inspect(vm).Vmas.Find(Address)!.Attributes.Atomic);
        DrmClient.Unmap(memory, 0x1000);
    }

    [Fact]
    [Trait("Rule", "12.split")]
    public void Where_nothing_is_mapped_advice_succeeds_and_does_nothing()
    {
        Assert.Equal(0, _client.AdviseLocation(FaultVm, 0, 1UL << 48, -1));
        Assert.Equal(0, _client.AdviseAtomic(FaultVm, 0, 1UL << 48, DRM_XE_ATOMIC_CPU));
        Assert.Equal("", _client.Areas(FaultVm));
    }

    [Fact]
    [Trait("Rule", "12.canonical")]
    public void Canonical_addresses_of_the_upper_half_are_accepted()
    {
        ulong high = 0x8000_0000_0000 + Address;
        Assert.Equal(0, _client.BindMirror(FaultVm, high, Size));
        Assert.Equal(0, _client.AdviseLocation(FaultVm, high | 0xffff_0000_0000_0000, Size, -1));
        Assert.Equal(-1, AttributesAt(high).PreferredDevmemFd);
    }

    [Fact]
    [Trait("Rule", "12.checks")]
    [Trait("Rule", "19.extensions")]
    public void Extensions_are_not_looked_at()
    {
        var args = new drm_xe_madvise { vm_id = FaultVm, start = Address, range = Size, type = DRM_XE_MEM_RANGE_ATTR_ATOMIC, extensions = 1 };
        Assert.Equal(0, _client.Ioctl(DRM_IOCTL_XE_MADVISE, ref args));
    }

    [Fact]
    [Trait("Rule", "12.split")]
    public void Areas_that_advice_has_split_stay_apart_until_a_mirror_is_bound_over_them()
    {
        Assert.Equal(0, _client.BindMirror(FaultVm, Address, 4 * Size));
        Assert.Equal(0, _client.AdviseLocation(FaultVm, Address + Size, Size, -1));
        Assert.Equal(0, _client.AdviseLocation(FaultVm, Address, 4 * Size, 0));
        Assert.Equal("100000-110000 CpuAddressMirror, 110000-120000 CpuAddressMirror, 120000-140000 CpuAddressMirror", _client.Areas(FaultVm));
        Assert.Equal(0, _client.BindMirror(FaultVm, Address + Size, Size));
        Assert.Equal("100000-140000 CpuAddressMirror", _client.Areas(FaultVm));
    }

    [Theory]
    [InlineData(DrmClient.FaultMode, DRM_XE_ATOMIC_CPU, -Errno.EIO)]
    [InlineData(DrmClient.FaultMode, DRM_XE_ATOMIC_DEVICE, 0)]
    [InlineData(0u, DRM_XE_ATOMIC_CPU, -Errno.EIO)]
    [InlineData(0u, DRM_XE_ATOMIC_UNDEFINED, 0)]
    [Trait("Rule", "12.ATOMIC")]
    [Trait("Rule", "17.cpu-policy")]
    public void The_CPU_policy_forbids_the_GPUs_atomics_on_an_object_and_nothing_else(uint vmFlags, uint policy, int expected)
    {
        using var gpu = new GpuClient(new SoftwareBackendOptions { VramBytes = 64 << 20, CpuFaults = "coherent" }, vmFlags);
        uint handle = gpu.CreateBo(0x1000);
        uint* word = (uint*)gpu.MapBo(handle, 0x1000);
        Assert.Equal(0, gpu.BindBo(gpu.Vm, handle, Address, 0x1000));
        Assert.Equal(0, gpu.Store(Address, 41)); // bound, and in the TLB, before the advice
        Assert.Equal(0, gpu.AdviseAtomic(gpu.Vm, Address, 0x1000, policy));
        Assert.Equal(0, gpu.Store(Address, 42));
        Assert.Equal(expected, gpu.Run(Commands.Increment(Address)));
        Assert.Equal(expected == 0 ? 43u : 42u, *word);
        gpu.UnmapBo(word, 0x1000);
    }

    [Theory]
    [InlineData(DrmClient.SystemMemory, DRM_XE_ATOMIC_UNDEFINED, -Errno.EIO)] // would have to move to VRAM, where it may not live
    [InlineData(DrmClient.SystemMemory, DRM_XE_ATOMIC_DEVICE, 0)]
    [InlineData(DrmClient.VramMemory, DRM_XE_ATOMIC_UNDEFINED, 0)]
    [InlineData(DrmClient.VramMemory | DrmClient.SystemMemory, DRM_XE_ATOMIC_GLOBAL, 0)]
    [Trait("Rule", "12.ATOMIC")]
    public void An_object_whose_first_access_is_an_atomic_has_to_be_where_the_policy_wants_it(uint placement, uint policy, int expected)
    {
        using var gpu = new GpuClient(new SoftwareBackendOptions { VramBytes = 64 << 20, CpuFaults = "coherent" });
        uint handle = gpu.CreateBo(0x1000, placement);
        uint* word = (uint*)gpu.MapBo(handle, 0x1000);
        Assert.Equal(0, gpu.BindBo(gpu.Vm, handle, Address, 0x1000));
        Assert.Equal(0, gpu.AdviseAtomic(gpu.Vm, Address, 0x1000, policy));
        Assert.Equal(expected, gpu.Run(Commands.Increment(Address)));
        Assert.Equal(expected == 0 ? 1u : 0, *word);
        gpu.UnmapBo(word, 0x1000);
    }

    private VmaAttributes AttributesAt(ulong address) => _client.Inspect(FaultVm).Vmas.Find(address)!.Attributes;
}
