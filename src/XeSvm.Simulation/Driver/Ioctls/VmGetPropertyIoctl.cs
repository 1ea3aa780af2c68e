using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Gpu;

namespace XeSvm.Simulation.Driver.Ioctls;

/// <summary>DRM_IOCTL_XE_VM_GET_PROPERTY (xe_vm_get_property_ioctl): the GPU faults of a VM that could not be served.</summary>
internal static unsafe class VmGetPropertyIoctl
{
    public static int Invoke(SoftwareFile file, void* argument)
    {
        drm_xe_vm_get_property* args = (drm_xe_vm_get_property*)argument;
        if (!UapiChecks.AreZero(args->reserved) || args->extensions != 0 || args->pad != 0)
        {
            return -Errno.EINVAL;
        }

        if (!file.Vms.TryGet(args->vm_id, out Vm? vm))
        {
            return -Errno.ENOENT;
        }

        if (args->property != DrmXe.DRM_XE_VM_GET_PROPERTY_FAULTS)
        {
            return -Errno.EINVAL;
        }

        uint recorded = (uint)vm.FaultLog.Count;
        uint recordSize = (uint)sizeof(xe_vm_fault);
        if (args->size == 0)
        {
            args->size = recorded * recordSize;
            return 0;
        }

        if (args->size > recorded * recordSize || args->size % recordSize != 0)
        {
            return -Errno.EINVAL;
        }

        for (uint i = 0; i < args->size / recordSize; i++)
        {
            xe_vm_fault record = Describe(vm.FaultLog[(int)i]);
            if (file.Client.Write(args->data + (i * recordSize), &record, recordSize) < 0)
            {
                return -Errno.EFAULT;
            }
        }

        return 0;
    }

    private static xe_vm_fault Describe(in VmFault fault) => new()
    {
        address = fault.Address,
        address_precision = PageConstants.PageSize,
        access_type = (byte)fault.Access,
        fault_type = !fault.IsViolation ? DrmXe.FAULT_TYPE_NOT_PRESENT
            : fault.Access == GpuAccess.Atomic ? DrmXe.FAULT_TYPE_ATOMIC_ACCESS
            : DrmXe.FAULT_TYPE_WRITE_ACCESS,
        fault_level = (byte)fault.Level,
    };
}
