using XeSvm.Interop;
using XeSvm.Interop.Uapi;
using XeSvm.Tests.Doubles;

namespace XeSvm.Tests.Vms;

public sealed class VmKindTests : IDisposable
{
    private readonly ScriptedBackend _backend = new();
    private readonly XeDevice _device;

    public VmKindTests() => _device = XeDevice.Open(_backend, _backend.Nodes[0]);

    private ScriptedFile Driver => _backend.File;

    [Theory]
    [InlineData(XeVmMode.DmaFence, false, false, 0u)]
    [InlineData(XeVmMode.DmaFence, true, false, 1u)]
    [InlineData(XeVmMode.LongRunning, false, false, 2u)]
    [InlineData(XeVmMode.LongRunning, true, false, 3u)]
    [InlineData(XeVmMode.Fault, false, false, 6u)]
    [InlineData(XeVmMode.Fault, true, false, 7u)]
    [InlineData(XeVmMode.Fault, false, true, 14u)]
    [InlineData(XeVmMode.Fault, true, true, 15u)]
    public void Every_combination_that_the_driver_takes_can_be_asked_for(XeVmMode mode, bool scratch, bool noOvercommit, uint flags)
    {
        using XeVm vm = _device.CreateVm(new XeVmOptions { Mode = mode, ScratchPages = scratch, NoOvercommit = noOvercommit });

        Assert.Equal(flags, Last<drm_xe_vm_create>(DrmXe.DRM_IOCTL_XE_VM_CREATE).flags);
        Assert.Equal(mode, vm.Mode);
    }

    [Fact]
    public void Options_that_contradict_each_other_are_refused_before_the_driver_is_asked()
    {
        int requests = Driver.Log.Count;

        ArgumentException mirror = Assert.Throws<ArgumentException>(
            () => _device.CreateVm(new XeVmOptions { Mode = XeVmMode.LongRunning, Mirror = true }));
        Assert.Throws<ArgumentException>(() => _device.CreateVm(new XeVmOptions { Mode = XeVmMode.DmaFence, NoOvercommit = true }));
        Assert.Throws<ArgumentException>(() => _device.TryCreateVm(new XeVmOptions { MirrorReadOnly = true }, out _));
        Assert.Throws<ArgumentException>(() => _device.CreateVm(new XeVmOptions { Mode = (XeVmMode)9 }));

        Assert.Contains("Mode must be Fault, not LongRunning", mirror.Message, StringComparison.Ordinal);
        Assert.Equal(requests, Driver.Log.Count);
    }

    [Fact]
    public void A_mirror_keeps_its_options_when_a_buffer_goes()
    {
        using XeVm vm = _device.CreateVm(new XeVmOptions { Mirror = true, MirrorReadOnly = true, MirrorAdviceAutoReset = true });
        uint expected = DrmXe.DRM_XE_VM_BIND_FLAG_CPU_ADDR_MIRROR | DrmXe.DRM_XE_VM_BIND_FLAG_READONLY | DrmXe.DRM_XE_VM_BIND_FLAG_MADVISE_AUTORESET;
        Assert.Equal(expected, Last<drm_xe_vm_bind>(DrmXe.DRM_IOCTL_XE_VM_BIND).bind.flags);

        vm.Unbind(new GpuRange(0x1000, 0x1000));

        Assert.Equal(expected, Last<drm_xe_vm_bind>(DrmXe.DRM_IOCTL_XE_VM_BIND).bind.flags);
    }

    [Fact]
    public void A_refused_vm_names_its_flags_and_the_other_tier_tells_the_errno()
    {
        Driver.Fail(DrmXe.DRM_IOCTL_XE_VM_CREATE, Errno.EINVAL);
        XeVmOptions options = new() { Mode = XeVmMode.LongRunning, ScratchPages = true };

        Assert.Equal("flags SCRATCH_PAGE | LR_MODE", Assert.Throws<XeException>(() => _device.CreateVm(options)).Request);
        Assert.Equal("flags none", Assert.Throws<XeException>(() => _device.CreateVm(new() { Mode = XeVmMode.DmaFence })).Request);
        Assert.Equal(Errno.EINVAL, _device.TryCreateVm(options, out XeVm? none).Errno);
        Assert.Null(none);
    }

    [Fact]
    public void A_long_running_vm_goes_with_its_last_queue()
    {
        Driver.HasPreemptVms = true;
        XeVm vm = _device.CreateVm(new XeVmOptions { Mode = XeVmMode.LongRunning });
        XeQueue first = vm.CreateQueue(_device.Engines[0]);
        XeQueue second = vm.CreateQueue(_device.Engines[0]);

        vm.Dispose();
        Assert.Throws<ObjectDisposedException>(() => vm.Unbind(new GpuRange(0, 4096)));
        Assert.Throws<ObjectDisposedException>(() => vm.CreateQueue(_device.Engines[0]));
        first.Dispose();
        Assert.Equal(0, Destructions());
        second.Dispose();

        Assert.Equal(1, Destructions());
        Assert.Equal(0, Driver.LiveObjects);
    }

    [Fact]
    public void User_memory_of_a_disposed_vm_that_queues_still_use_is_unbound_before_it_is_unpinned()
    {
        XeVm vm = _device.CreateVm(new XeVmOptions { Mode = XeVmMode.LongRunning });
        XeQueue queue = vm.CreateQueue(_device.Engines[0]);
        XeUserMapping mapping = vm.MapArray(new byte[100], 0x4000_0000);
        vm.Dispose();

        mapping.Dispose();

        drm_xe_vm_bind_op operation = Last<drm_xe_vm_bind>(DrmXe.DRM_IOCTL_XE_VM_BIND).bind;
        Assert.Equal((DrmXe.DRM_XE_VM_BIND_OP_UNMAP, 0x4000_0000UL), (operation.op, operation.addr));
        queue.Dispose();
    }

    [Fact]
    public void Faults_that_could_not_be_served_are_listed()
    {
        using XeVm vm = _device.CreateVm();
        Assert.Empty(vm.QueryFaults());
        Driver.Faults.Add(new() { address = 0xffff_8000_0000_1000, address_precision = 4096, access_type = 2, fault_type = 1, fault_level = 3 });
        Driver.Faults.Add(new() { address = 0x2000, address_precision = 4096 });

        Assert.Equal(
            [
                new XeVmFault(0xffff_8000_0000_1000, 4096, XeFaultAccess.Atomic, XeFaultType.WriteAccess, 3),
                new XeVmFault(0x2000, 4096, XeFaultAccess.Read, XeFaultType.NotPresent, 0),
            ],
            vm.QueryFaults());
        Assert.True(_device.Supports(XeFeature.VmFaults));
        Driver.Fail(DrmXe.DRM_IOCTL_XE_VM_GET_PROPERTY, Errno.EINVAL);
        Assert.False(_device.Supports(XeFeature.VmFaults));
        Assert.Equal(Errno.EINVAL, vm.TryQueryFaults(out IReadOnlyList<XeVmFault> none).Errno);
        Assert.Empty(none);
    }

    public void Dispose()
    {
        _device.Dispose();
        Assert.Equal(0, Driver.LiveObjects);
        Assert.True(Driver.IsClosed);
    }

    private int Destructions() => Driver.Log.Count(logged => logged.Number == DrmXe.DRM_IOCTL_XE_VM_DESTROY);

    private T Last<T>(uint request)
        where T : unmanaged => Driver.Log.Last(logged => logged.Number == request).Argument<T>();
}
