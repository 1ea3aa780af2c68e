using XeSvm.Interop.LibC;
using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Memory;
using XeSvm.Simulation.Tests.Driver.Fences;
using static XeSvm.Interop.Uapi.DrmXe;

namespace XeSvm.Simulation.Tests.Driver;

/// <summary>What mirrors promise, and what they do not.</summary>
public sealed unsafe class MirrorRuleTests
{
    private const ulong Block = 0x200000;

    [Fact]
    [Trait("Rule", "7.4.prefetch")]
    public void A_prefetch_that_cannot_move_the_memory_succeeds_and_leaves_it()
    {
        using var gpu = new GpuClient(new SoftwareBackendOptions { VramBytes = 64 << 20, Faults = FaultPlan.Parse("vram:p=1") });
        ulong memory = DrmClient.Map(Block, Block);
        DrmClient.Touch(memory, Block);
        Assert.Equal(0, gpu.Prefetch(memory, Block, 1));
        Assert.Equal(Residency.System, gpu.Software.Client.Residency.Examine(memory, memory + Block, out _));
        Assert.Equal(0, gpu.Store(memory, 3));
        Assert.Equal(3u, *(uint*)memory);
        DrmClient.Unmap(memory, Block);
    }

    [Theory]
    [Trait("Rule", "7.4.prefetch")]
    [Trait("Rule", "7.4.in-fence")]
    [InlineData("vram:p=1", -Errno.EOPNOTSUPP)]
    [InlineData("", 0)]
    public void With_an_in_fence_a_prefetch_that_fails_is_EOPNOTSUPP_and_one_that_succeeds_is_not(string faults, int expected)
    {
        var plan = faults.Length == 0 ? FaultPlan.None : FaultPlan.Parse(faults);
        using var gpu = new GpuClient(new SoftwareBackendOptions { VramBytes = 64 << 20, Faults = plan });
        ulong memory = DrmClient.Map(Block, Block);
        DrmClient.Touch(memory, Block);
        uint signaled = gpu.CreateSyncobj(Drm.DRM_SYNCOBJ_CREATE_SIGNALED);
        drm_xe_sync sync = FenceMachine.Syncobj(signaled, signal: false);
        var bind = new drm_xe_vm_bind { vm_id = gpu.Vm, num_binds = 1, bind = Ops.Prefetch(memory, Block, 1), num_syncs = 1, syncs = (ulong)&sync };
        Assert.Equal(expected, gpu.Ioctl(DRM_IOCTL_XE_VM_BIND, ref bind));
        Assert.Equal(0, gpu.Store(memory, 3));
        Assert.Equal(3u, *(uint*)memory);
        DrmClient.Unmap(memory, Block);
    }

    [Fact]
    [Trait("Rule", "7.4.in-fence")]
    [Trait("Rule", "7.2.PREFETCH-mirror")]
    public void With_an_in_fence_a_prefetch_of_what_is_there_already_or_of_holes_is_EOPNOTSUPP()
    {
        using var gpu = new GpuClient(new SoftwareBackendOptions { VramBytes = 64 << 20 });
        ulong memory = DrmClient.Map(Block, Block);
        DrmClient.Touch(memory, Block);
        uint signaled = gpu.CreateSyncobj(Drm.DRM_SYNCOBJ_CREATE_SIGNALED);
        drm_xe_sync sync = FenceMachine.Syncobj(signaled, signal: false);
        var bind = new drm_xe_vm_bind { vm_id = gpu.Vm, num_binds = 1, bind = Ops.Prefetch(memory, Block, 1), num_syncs = 1, syncs = (ulong)&sync };
        Assert.Equal(0, gpu.Ioctl(DRM_IOCTL_XE_VM_BIND, ref bind));
        Assert.Equal(-Errno.EOPNOTSUPP, gpu.Ioctl(DRM_IOCTL_XE_VM_BIND, ref bind));
        bind.bind = Ops.Prefetch(memory, Block, 0);
        Assert.Equal(0, gpu.Ioctl(DRM_IOCTL_XE_VM_BIND, ref bind));
        DrmClient.Unmap(memory, Block);
        Assert.Equal(-Errno.EOPNOTSUPP, gpu.Ioctl(DRM_IOCTL_XE_VM_BIND, ref bind));
        bind.num_syncs = 0;
        Assert.Equal(0, gpu.Ioctl(DRM_IOCTL_XE_VM_BIND, ref bind));
    }

    [Fact]
    [Trait("Rule", "7.2.PREFETCH-mixed")]
    public void Of_areas_of_several_kinds_those_behind_the_first_that_is_no_mirror_are_prefetched_to_system_memory_or_not_at_all()
    {
        using var gpu = new GpuClient(new SoftwareBackendOptions { VramBytes = 64 << 20 });
        ulong memory = DrmClient.Map(6 * Block, Block);
        DrmClient.Touch(memory, 6 * Block);
        uint first = gpu.CreateBo(Block, DrmClient.SystemMemory | DrmClient.VramMemory);
        uint second = gpu.CreateBo(Block, DrmClient.SystemMemory | DrmClient.VramMemory);
        uint vramOnly = gpu.CreateBo(Block, DrmClient.VramMemory);
        Assert.Equal(0, gpu.BindArray(gpu.Vm, Ops.MapBo(first, memory + Block, Block), Ops.MapBo(second, memory + (2 * Block), Block)));
        Assert.Equal(0, gpu.Bind(Ops.Prefetch(memory + (2 * Block), Block, 1)));
        Assert.Equal(0, gpu.Prefetch(memory, 4 * Block, 1));
        Assert.Equal((true, false), (gpu.InspectBo(first).IsInVram, gpu.InspectBo(second).IsInVram));
        ClientMemory client = gpu.Software.Client;
        Assert.Equal(Residency.Device, client.Residency.Examine(memory, memory + Block, out _));
        Assert.Equal(Residency.System, client.Residency.Examine(memory + (3 * Block), memory + (4 * Block), out _));
        Assert.Equal(0, gpu.Bind(Ops.MapBo(vramOnly, memory + (4 * Block), Block)));
        Assert.Equal(-Errno.EINVAL, gpu.Prefetch(memory + (2 * Block), 4 * Block, 1));
        Assert.Equal(0, gpu.Prefetch(memory + (3 * Block), 2 * Block, 1));
        Assert.Equal(Residency.Device, client.Residency.Examine(memory + (3 * Block), memory + (4 * Block), out _));
        DrmClient.Unmap(memory, 6 * Block);
    }

    [Fact]
    [Trait("Rule", "12.invalidation")]
    public void Advice_leaves_data_where_it_is_until_the_CPU_or_a_prefetch_moves_it()
    {
        using var gpu = new GpuClient(new SoftwareBackendOptions { VramBytes = 64 << 20 });
        ulong memory = DrmClient.Map(Block, Block);
        DrmClient.Touch(memory, Block);
        Assert.Equal(0, gpu.Store(memory, 1));
        Assert.Equal(Residency.Device, gpu.Software.Client.Residency.Examine(memory, memory + Block, out _));
        Assert.Equal(0, gpu.Advise(memory, Block, preferredLocation: -1));
        Assert.Equal(Residency.Device, gpu.Software.Client.Residency.Examine(memory, memory + Block, out _));
        Assert.Equal(0, gpu.Store(memory + 8, 2));
        Assert.Equal(Residency.Device, gpu.Software.Client.Residency.Examine(memory, memory + Block, out _));
        Assert.Equal(0, gpu.Prefetch(memory, Block, 0));
        Assert.Equal(Residency.System, gpu.Software.Client.Residency.Examine(memory, memory + Block, out _));
        Assert.Equal(0, gpu.Advise(memory, Block, preferredLocation: 0));
        Assert.Equal(0, gpu.Store(memory, 3));
        Assert.Equal((3u, 2u), (*(uint*)memory, *(uint*)(memory + 8)));
        DrmClient.Unmap(memory, Block);
    }

    [Fact]
    [Trait("Rule", "17.mirror-no-memory")]
    public void Where_the_CPU_has_no_memory_an_access_through_a_mirror_is_recorded_and_ends_the_queue()
    {
        using var gpu = new GpuClient();
        Assert.Equal(-Errno.EIO, gpu.Store(DrmClient.BadPointer, 1));
        Assert.True(gpu.IsBanned(gpu.Queue));
        Assert.Equal(1, gpu.Inspect(gpu.Vm).FaultLog.Count);
    }

    [Fact]
    [Trait("Rule", "17.mirror-readonly")]
    public void Memory_that_the_CPU_may_not_write_is_read_through_read_only_mirrors_only()
    {
        using var gpu = new GpuClient();
        ulong memory = DrmClient.Map(0x2000);
        *(uint*)memory = 77;
        Assert.Equal(0, SystemCalls.Protect((nint)memory, 0x1000, MemoryProtection.Read));
        ulong target = gpu.Control + 0x8000;
        Assert.Equal(0, gpu.BindMirror(gpu.Vm, memory, 0x1000, DRM_XE_VM_BIND_FLAG_READONLY));
        Assert.Equal(0, gpu.Run(Commands.Copy(target, memory, 4)));
        Assert.Equal(77u, *(uint*)target);

        using var other = new GpuClient();
        Assert.Equal(-Errno.EIO, other.Run(Commands.Copy(other.Control + 0x8000, memory, 4)));
        Assert.Equal(1, other.Inspect(other.Vm).FaultLog.Count);
        DrmClient.Unmap(memory, 0x2000);
    }
}
