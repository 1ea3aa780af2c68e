using XeSvm.Interop;
using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Driver;

using static XeSvm.Interop.Uapi.DrmXe;

namespace XeSvm.Simulation.Tests.Driver.Fences;

/// <summary>A device that is lost.</summary>
public sealed unsafe class WedgedDeviceTests
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(2);

    [Fact]
    [Trait("Rule", "1.1")]
    public void Every_command_of_every_file_is_ECANCELED_before_anything_else_is_looked_at()
    {
        using var backend = new SoftwareBackend(new SoftwareBackendOptions { VramBytes = 16 << 20, CpuFaults = "coherent" });
        backend.DeclareWedged(); // without a device, nothing happens
        Assert.Equal(0, backend.Open(backend.Enumerate()[0], out DrmFile? file));
        using DrmFile first = file!;
        var create = new drm_xe_vm_create();
        Assert.Equal(0, first.Ioctl(DRM_IOCTL_XE_VM_CREATE, &create));
        Assert.Equal(0, backend.Open(backend.Enumerate()[0], out file));
        using DrmFile second = file!;
        backend.DeclareWedged();
        Assert.Equal(-Errno.ENODEV, backend.Open(backend.Enumerate()[0], out _));
        foreach (DrmFile each in (DrmFile[])[first, second])
        {
            Assert.Equal(-Errno.ECANCELED, each.Ioctl(DRM_IOCTL_XE_VM_CREATE, &create));
            Assert.Equal(-Errno.ECANCELED, each.Ioctl(Drm.DRM_IOCTL_VERSION, null));
            Assert.Equal(-Errno.ECANCELED, each.Ioctl(0, null)); // not ENOTTY
            Assert.Equal(-Errno.ECANCELED, each.Ioctl(0x6499, null)); // not EINVAL
        }
    }

    [Fact]
    [Trait("Rule", "1.1")]
    [Trait("Rule", "8.GET_PROPERTY")]
    public void Running_work_ends_its_fences_are_signalled_and_its_queues_are_banned()
    {
        using var machine = new FenceMachine();
        GpuClient gpu = machine.Gpu;
        uint pending = machine.PendingSyncobj(0);
        uint queue = gpu.Queue;
        Assert.True(gpu.Software.Queues.TryGet(queue, out XeExecQueue? known));
        var wait = BlockingCall.Start(() => gpu.WaitFor(pending, SyncobjClient.Later));
        var user = BlockingCall.Start(() => gpu.Wait(queue, gpu.Control, ulong.MaxValue, -1));
        Assert.False(wait.EndsWithin(10));
        gpu.Device.Loss.Declare();
        Assert.True(wait.EndsWithin(s_patience));
        Assert.True(user.EndsWithin(s_patience));
        Assert.Contains(wait.Result, (int[])[0, -Errno.ECANCELED]); // the thread may have come too late
        Assert.Contains(user.Result, (int[])[-Errno.EIO, -Errno.ECANCELED]);
        Assert.True(SpinWait.SpinUntil(() => known.IsBanned, s_patience));
    }
}
