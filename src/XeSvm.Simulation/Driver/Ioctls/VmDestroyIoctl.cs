using XeSvm.Interop.Uapi;

namespace XeSvm.Simulation.Driver.Ioctls;

/// <summary>DRM_IOCTL_XE_VM_DESTROY (xe_vm_destroy_ioctl): queues keep a closed VM's record, not its mappings.</summary>
internal static unsafe class VmDestroyIoctl
{
    public static int Invoke(SoftwareFile file, void* argument)
    {
        drm_xe_vm_destroy* args = (drm_xe_vm_destroy*)argument;
        if (args->pad != 0 || !UapiChecks.AreZero(args->reserved))
        {
            return -Errno.EINVAL;
        }

        if (!file.Vms.TryGet(args->vm_id, out Vm? vm))
        {
            return -Errno.ENOENT;
        }

        if (vm.HasPreemptQueues)
        {
            return -Errno.EBUSY;
        }

        if (!file.Vms.TryRemove(args->vm_id, out vm))
        {
            return -Errno.ENOENT;
        }

        vm.Binds.WaitUntilDrained(file);
        vm.Close();
        vm.Release();
        return 0;
    }
}
