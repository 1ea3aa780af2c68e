using XeSvm.Interop;
using XeSvm.Interop.Uapi;
using XeSvm.Tests.Doubles;

namespace XeSvm.Tests.Vms;

public sealed class XeVmTests : IDisposable
{
    private readonly ScriptedBackend _backend = new();
    private readonly XeDevice _device;

    public XeVmTests() => _device = XeDevice.Open(_backend, _backend.Nodes[0]);

    private ScriptedFile Driver => _backend.File;

    [Fact]
    public void A_mirror_vm_serves_faults_and_mirrors_the_whole_address_space()
    {
        using XeVm vm = _device.CreateMirrorVm();

        Assert.Equal(
            DrmXe.DRM_XE_VM_CREATE_FLAG_LR_MODE | DrmXe.DRM_XE_VM_CREATE_FLAG_FAULT_MODE,
            Last<drm_xe_vm_create>(DrmXe.DRM_IOCTL_XE_VM_CREATE).flags);
        drm_xe_vm_bind bind = Last<drm_xe_vm_bind>(DrmXe.DRM_IOCTL_XE_VM_BIND);
        Assert.Equal(vm.Id, bind.vm_id);
        Assert.Equal(0u, bind.bind.addr);
        Assert.Equal(1UL << 48, bind.bind.range);
        Assert.Equal(DrmXe.DRM_XE_VM_BIND_OP_MAP, bind.bind.op);
        Assert.Equal(DrmXe.DRM_XE_VM_BIND_FLAG_CPU_ADDR_MIRROR, bind.bind.flags);
        Assert.Equal(0u, bind.bind.obj);
        Assert.Equal(0u, bind.bind.obj_offset);
        Assert.Equal(1u, bind.num_syncs);
    }

    [Fact]
    public void A_device_that_cannot_mirror_is_told_before_anything_is_made()
    {
        ScriptedBackend backend = new() { Prepare = file => file.Queries.Config = [0, 0x1, 4096, 48, 1] };
        using XeDevice device = XeDevice.Open(backend, backend.Nodes[0]);

        XeException exception = Assert.Throws<XeException>(device.CreateMirrorVm);

        Assert.Equal(Errno.EOPNOTSUPP, exception.Errno);
        Assert.Contains("HAS_CPU_ADDR_MIRROR", exception.Message, StringComparison.Ordinal);
        Assert.Equal(0, backend.File.LiveObjects);
    }

    [Fact]
    public void A_refused_vm_says_what_the_device_needs()
    {
        Driver.Fail(DrmXe.DRM_IOCTL_XE_VM_CREATE, Errno.EINVAL);

        XeException exception = Assert.Throws<XeException>(_device.CreateMirrorVm);

        Assert.Equal("VM_CREATE", exception.Operation);
        Assert.Equal("flags LR_MODE | FAULT_MODE", exception.Request);
        Assert.Contains("GPU page faults", exception.NextStep, StringComparison.Ordinal);
    }

    [Fact]
    public void A_refused_mirror_leaves_no_vm_behind()
    {
        Driver.Fail(DrmXe.DRM_IOCTL_XE_VM_BIND, Errno.EINVAL);

        XeException exception = Assert.Throws<XeException>(_device.CreateMirrorVm);

        Assert.Contains("DRM_XE_GPUSVM", exception.NextStep, StringComparison.Ordinal);
        Assert.Equal(0, Driver.LiveObjects);
    }

    [Fact]
    public void Binding_passes_buffer_offset_and_range_and_waits_for_the_page_tables()
    {
        using XeVm vm = _device.CreateVm();
        using XeBuffer buffer = _device.CreateBuffer(0x4000, MemoryLocation.Device());

        vm.Bind(buffer, 0x1000, new GpuRange(0x10_0000, 0x2000));

        drm_xe_vm_bind bind = Last<drm_xe_vm_bind>(DrmXe.DRM_IOCTL_XE_VM_BIND);
        Assert.Equal((buffer.Handle, 0x1000UL, 0x10_0000UL, 0x2000UL), (bind.bind.obj, bind.bind.obj_offset, bind.bind.addr, bind.bind.range));
        Assert.Equal(DrmXe.DRM_XE_VM_BIND_FLAG_IMMEDIATE, bind.bind.flags);
        Assert.Equal(2, bind.bind.pat_index);
        drm_xe_wait_user_fence wait = Last<drm_xe_wait_user_fence>(DrmXe.DRM_IOCTL_XE_WAIT_USER_FENCE);
        Assert.Equal((1UL, ulong.MaxValue, DrmXe.DRM_XE_UFENCE_WAIT_OP_GTE, 0u), (wait.value, wait.mask, wait.op, wait.exec_queue_id));
        Assert.Equal(0UL, wait.addr % 8);
    }

    [Fact]
    public void Unbinding_unmaps_in_a_plain_vm_and_mirrors_again_in_a_mirror_vm()
    {
        GpuRange range = new(0x10_0000, 0x1000);
        using XeVm plain = _device.CreateVm();
        plain.Unbind(range);
        drm_xe_vm_bind inPlain = Last<drm_xe_vm_bind>(DrmXe.DRM_IOCTL_XE_VM_BIND);
        using XeVm mirror = _device.CreateMirrorVm();
        mirror.Unbind(range);
        drm_xe_vm_bind inMirror = Last<drm_xe_vm_bind>(DrmXe.DRM_IOCTL_XE_VM_BIND);

        Assert.Equal((DrmXe.DRM_XE_VM_BIND_OP_UNMAP, 0u), (inPlain.bind.op, inPlain.bind.flags));
        Assert.Equal(
            (DrmXe.DRM_XE_VM_BIND_OP_MAP, DrmXe.DRM_XE_VM_BIND_FLAG_CPU_ADDR_MIRROR, 0x10_0000UL),
            (inMirror.bind.op, inMirror.bind.flags, inMirror.bind.addr));
    }

    [Theory]
    [InlineData("system", 0u)]
    [InlineData("device", 1u)]
    [InlineData("default", DrmXe.DRM_XE_CONSULT_MEM_ADVISE_PREF_LOC)]
    public void Prefetch_names_the_region_and_widens_to_whole_pages(string location, uint expected)
    {
        using XeVm vm = _device.CreateMirrorVm();

        vm.Prefetch(new GpuRange(0x1234, 0x1000), Parse(location));

        drm_xe_vm_bind bind = Last<drm_xe_vm_bind>(DrmXe.DRM_IOCTL_XE_VM_BIND);
        Assert.Equal(DrmXe.DRM_XE_VM_BIND_OP_PREFETCH, bind.bind.op);
        Assert.Equal((0x1000UL, 0x2000UL), (bind.bind.addr, bind.bind.range));
        Assert.Equal(expected, bind.bind.prefetch_mem_region_instance);
    }

    [Theory]
    [InlineData("system", DrmXe.DRM_XE_PREFERRED_LOC_DEFAULT_SYSTEM)]
    [InlineData("device", DrmXe.DRM_XE_PREFERRED_LOC_DEFAULT_DEVICE)]
    [InlineData("default", DrmXe.DRM_XE_PREFERRED_LOC_DEFAULT_DEVICE)]
    public void Advice_names_the_place_and_widens_to_whole_pages(string location, uint expected)
    {
        using XeVm vm = _device.CreateMirrorVm();

        vm.Advise(new GpuRange(0x1fff, 2), Parse(location));

        drm_xe_madvise madvise = Last<drm_xe_madvise>(DrmXe.DRM_IOCTL_XE_MADVISE);
        Assert.Equal((vm.Id, 0x1000UL, 0x2000UL), (madvise.vm_id, madvise.start, madvise.range));
        Assert.Equal(DrmXe.DRM_XE_MEM_RANGE_ATTR_PREFERRED_LOC, madvise.type);
        Assert.Equal(expected, madvise.preferred_mem_loc.devmem_fd);
    }

    [Fact]
    public void A_vram_region_that_the_device_lacks_is_refused_before_the_driver_is_asked()
    {
        using XeVm vm = _device.CreateMirrorVm();
        int requests = Driver.Log.Count;

        Assert.Equal(Errno.EINVAL, vm.TryPrefetch(new GpuRange(0, 4096), MemoryLocation.Device(1)).Errno);
        Assert.Equal(Errno.EINVAL, vm.TryAdvise(new GpuRange(0, 4096), MemoryLocation.Device(1)).Errno);
        ArgumentException exception = Assert.Throws<ArgumentException>(() => _device.CreateBuffer(4096, MemoryLocation.Device(1)));

        Assert.Contains("It has system memory and 1 VRAM region(s)", exception.Message, StringComparison.Ordinal);
        Assert.Equal(requests, Driver.Log.Count);
    }

    [Fact]
    public void The_two_tiers_tell_the_same_errno()
    {
        using XeVm vm = _device.CreateMirrorVm();
        Driver.Fail(DrmXe.DRM_IOCTL_XE_VM_BIND, Errno.EBUSY);

        XeResult result = vm.TryUnbind(new GpuRange(0, 4096));
        XeException exception = Assert.Throws<XeException>(() => vm.Unbind(new GpuRange(0, 4096)));

        Assert.Equal("EBUSY", result.ErrnoName);
        Assert.Equal(result.Errno, exception.Errno);
        Assert.Contains("live SVM ranges", exception.NextStep, StringComparison.Ordinal);
        Assert.Contains($"[0x0, 0x1000) in VM {vm.Id}", exception.Request, StringComparison.Ordinal);
    }

    [Fact]
    public void A_failed_bind_does_not_use_up_a_fence_value()
    {
        using XeVm vm = _device.CreateVm();
        Driver.Fail(DrmXe.DRM_IOCTL_XE_VM_BIND, Errno.ENOMEM);
        vm.TryUnbind(new GpuRange(0, 4096));
        Driver.Fail(DrmXe.DRM_IOCTL_XE_VM_BIND, 0);
        vm.Unbind(new GpuRange(0, 4096));

        Assert.Equal(1UL, Last<drm_xe_wait_user_fence>(DrmXe.DRM_IOCTL_XE_WAIT_USER_FENCE).value);
    }

    [Fact]
    public void Process_memory_needs_a_mirror()
    {
        using XeVm vm = _device.CreateVm();

        Assert.Throws<InvalidOperationException>(() => vm.Allocate<int>(1));
        Assert.Throws<InvalidOperationException>(() => vm.CreateBatchInProcessMemory(4096));
    }

    [Fact]
    public void A_range_that_leaves_the_address_space_cannot_be_widened() =>
        Assert.Throws<OverflowException>(() => new GpuRange(ulong.MaxValue - 10, 100).ToPages());

    public void Dispose()
    {
        _device.Dispose();
        Assert.Equal(0, Driver.LiveObjects);
        Assert.Equal(0, Driver.LiveMappings);
        Assert.True(Driver.IsClosed);
    }

    private static MemoryLocation Parse(string name) => name switch
    {
        "system" => MemoryLocation.System,
        "device" => MemoryLocation.Device(),
        _ => MemoryLocation.Default,
    };

    private T Last<T>(uint request)
        where T : unmanaged => Driver.Log.Last(logged => logged.Number == request).Argument<T>();
}
