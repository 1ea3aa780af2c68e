using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Driver.Profiles;

namespace XeSvm.Simulation.Driver.Ioctls;

/// <summary>DRM_IOCTL_XE_VM_CREATE (xe_vm_create_ioctl).</summary>
internal static unsafe class VmCreateIoctl
{
    private const uint Scratch = DrmXe.DRM_XE_VM_CREATE_FLAG_SCRATCH_PAGE;
    private const uint LongRunning = DrmXe.DRM_XE_VM_CREATE_FLAG_LR_MODE;
    private const uint Fault = DrmXe.DRM_XE_VM_CREATE_FLAG_FAULT_MODE;
    private const uint NoOvercommit = DrmXe.DRM_XE_VM_CREATE_FLAG_NO_VM_OVERCOMMIT;

    public static int Invoke(SoftwareFile file, void* argument)
    {
        drm_xe_vm_create* args = (drm_xe_vm_create*)argument;
        uint flags = args->flags;
        DeviceProfile profile = file.Device.Profile;
        bool fault = (flags & Fault) != 0;
        if (args->extensions != 0
            || (fault && !profile.HasUsm)
            || !UapiChecks.AreZero(args->reserved)
            || (flags & ~(Scratch | LongRunning | Fault | NoOvercommit)) != 0
            || ((flags & Scratch) != 0 && fault && !profile.NeedsScratch)
            || (fault && (flags & LongRunning) == 0)
            || ((flags & NoOvercommit) != 0 && !fault))
        {
            return -Errno.EINVAL;
        }

        var vm = new Vm(file.Device, file.Client, flags);
        if (!file.Vms.TryAdd(vm, out args->vm_id))
        {
            vm.Release();
            return -Errno.EBADF;
        }

        return 0;
    }
}
