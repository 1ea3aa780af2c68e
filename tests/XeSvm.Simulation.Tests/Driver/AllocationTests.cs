using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Tests.Gpu.Support;
using static XeSvm.Interop.Uapi.DrmXe;

namespace XeSvm.Simulation.Tests.Driver;

/// <summary>Calls that a client makes all the time allocate nothing on the GC heap.</summary>
public sealed unsafe class AllocationTests : IDisposable
{
    private const ulong Block = 2 << 20;
    private const ulong Address = 0x10_0000_0000;
    private readonly GpuClient _gpu = new(new SoftwareBackendOptions { VramBytes = 64 << 20, CpuFaults = "coherent" });

    public void Dispose() => _gpu.Dispose();

    [Fact]
    public void EXEC_and_WAIT_USER_FENCE()
    {
        uint[] commands = Commands.Store(_gpu.Control + 0x8000, 1);
        Allocations.AssertNone(() => Expect(0, _gpu.Run(commands)));
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(DRM_XE_VM_BIND_FLAG_IMMEDIATE)]
    public void VM_BIND_of_a_page_of_an_object_and_back(uint flags)
    {
        uint handle = _gpu.CreateBo(0x10000);
        Allocations.AssertNone(() =>
        {
            Expect(0, _gpu.BindBo(_gpu.Vm, handle, Address, 0x1000, 0x2000, flags));
            Expect(0, _gpu.UnbindRange(_gpu.Vm, Address, 0x1000));
        });
    }

    [Fact]
    public void VM_BIND_that_cuts_areas_and_joins_mirrors()
    {
        uint handle = _gpu.CreateBo(0x10000);
        Expect(0, _gpu.BindMirror(_gpu.Vm, Address, 0x100000));
        Allocations.AssertNone(() =>
        {
            Expect(0, _gpu.BindBo(_gpu.Vm, handle, Address + 0x10000, 0x10000));
            Expect(0, _gpu.UnbindRange(_gpu.Vm, Address + 0x14000, 0x4000));
            Expect(0, _gpu.Bind(_gpu.Vm, Ops.UnmapAll(handle)));
            Expect(0, _gpu.BindMirror(_gpu.Vm, Address + 0x10000, 0x10000));
        });
    }

    [Fact]
    public void VM_BIND_of_an_array_with_a_fence_and_one_that_fails()
    {
        uint handle = _gpu.CreateBo(0x10000);
        ulong good = Pinned.Copy(Ops.MapBo(handle, Address, 0x10000), Ops.MapNull(Address + 0x4000, 0x1000), Ops.Unmap(Address, 0x10000));
        ulong bad = Pinned.Copy(Ops.MapBo(handle, Address, 0x10000), Ops.Prefetch(Address, 0x10000, 1));
        ulong syncs = Pinned.Copy(new drm_xe_sync
        {
            type = DRM_XE_SYNC_TYPE_USER_FENCE,
            flags = DRM_XE_SYNC_FLAG_SIGNAL,
            addr = _gpu.Control + 0x8000,
            timeline_value = 1,
        });
        Allocations.AssertNone(() =>
        {
            var bind = new drm_xe_vm_bind { vm_id = _gpu.Vm, num_binds = 3, vector_of_binds = good, num_syncs = 1, syncs = syncs };
            Expect(0, _gpu.Ioctl(DRM_IOCTL_XE_VM_BIND, ref bind));
            bind = new drm_xe_vm_bind { vm_id = _gpu.Vm, num_binds = 2, vector_of_binds = bad };
            Expect(-Errno.EINVAL, _gpu.Ioctl(DRM_IOCTL_XE_VM_BIND, ref bind));
        });
    }

    [Fact]
    public void MADVISE_of_a_whole_area_and_of_a_part()
    {
        Expect(0, _gpu.BindMirror(_gpu.Vm, Address, 0x100000));
        Allocations.AssertNone(() =>
        {
            Expect(0, _gpu.Advise(Address, 0x100000, -1));
            Expect(0, _gpu.Advise(Address + 0x10000, 0x10000, 0)); // two cuts
            Expect(0, _gpu.AdviseAtomic(_gpu.Vm, Address + 0x10000, 0x10000, DRM_XE_ATOMIC_DEVICE));
            Expect(0, _gpu.UnbindRange(_gpu.Vm, Address, 0x100000));
            Expect(0, _gpu.BindMirror(_gpu.Vm, Address, 0x100000));
        });
    }

    [Fact]
    public void Prefetch_of_a_block_to_VRAM_and_back()
    {
        ulong memory = DrmClient.Map(Block, Block);
        DrmClient.Touch(memory, Block);
        void ToVramAndBack()
        {
            Expect(0, _gpu.Prefetch(memory, Block, 1));
            Expect(0, _gpu.Prefetch(memory, Block, 0));
        }

        // Page frames come out of quarantine after some tens of others.
        for (int i = 0; i < 200; i++)
        {
            ToVramAndBack();
        }

        Allocations.AssertNone(ToVramAndBack, repetitions: 20);
        DrmClient.Unmap(memory, Block);
    }

    [Theory]
    [InlineData(DRM_XE_DEVICE_QUERY_ENGINES, 232u)]
    [InlineData(DRM_XE_DEVICE_QUERY_MEM_REGIONS, 184u)]
    [InlineData(DRM_XE_DEVICE_QUERY_CONFIG, 48u)]
    [InlineData(DRM_XE_DEVICE_QUERY_GT_LIST, 200u)]
    public void DEVICE_QUERY(uint query, uint size) => Allocations.AssertNone(() =>
    {
        var args = new drm_xe_device_query { query = query };
        Expect(0, _gpu.Ioctl(DRM_IOCTL_XE_DEVICE_QUERY, ref args));
        Expect(size, args.size);
        args.data = _gpu.Control;
        Expect(0, _gpu.Ioctl(DRM_IOCTL_XE_DEVICE_QUERY, ref args));
    });

    [Fact]
    public void GET_PROPERTY_and_VERSION_and_GET_CAP() => Allocations.AssertNone(() =>
    {
        var property = new drm_xe_exec_queue_get_property { exec_queue_id = _gpu.Queue };
        Expect(0, _gpu.Ioctl(DRM_IOCTL_XE_EXEC_QUEUE_GET_PROPERTY, ref property));
        var version = new drm_version();
        Expect(0, _gpu.Ioctl(Drm.DRM_IOCTL_VERSION, ref version));
        var cap = new drm_get_cap { capability = Drm.DRM_CAP_TIMESTAMP_MONOTONIC };
        Expect(0, _gpu.Ioctl(Drm.DRM_IOCTL_GET_CAP, ref cap));
    });

    /// <summary>The assertion library's own comparison allocates.</summary>
    private static void Expect(long expected, long actual)
    {
        if (actual != expected)
        {
            Assert.Fail($"{actual} instead of {expected}");
        }
    }
}
