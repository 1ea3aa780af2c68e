using XeSvm.Interop.Uapi;

namespace XeSvm.Simulation.Driver.Ioctls;

/// <summary>DRM_IOCTL_XE_MADVISE (xe_vm_madvise_ioctl): preferred location and atomic policy of mirrored memory.</summary>
internal static unsafe class MadviseIoctl
{
    private const uint MostMigrationPolicies = 1;

    public static int Invoke(SoftwareFile file, void* argument)
    {
        drm_xe_madvise* args = (drm_xe_madvise*)argument;
        if (!file.Vms.TryGet(args->vm_id, out Vm? vm) || !IsSane(args))
        {
            return -Errno.EINVAL;
        }

        vm.Client.Settle();
        vm.Client.Revalidate(0, vm.Size);
        lock (vm.Lock)
        {
            vm.Svm?.CollectGarbage();
            if (vm.IsClosed)
            {
                return -Errno.ENOENT;
            }

            bool location = args->type == DrmXe.DRM_XE_MEM_RANGE_ATTR_PREFERRED_LOC;
            if (location && (int)args->preferred_mem_loc.devmem_fd > 0)
            {
                // A software device has no descriptor that another could be named by.
                return -Errno.ENOENT;
            }

            ulong start = args->start & (vm.Size - 1);
            ulong end = start + args->range;
            if (end > vm.Size || end < start)
            {
                return -Errno.EINVAL;
            }

            VmSplitter.SplitAt(vm, start);
            VmSplitter.SplitAt(vm, end);
            if (location)
            {
                ApplyLocation(vm, args->preferred_mem_loc, start, end);
                return 0;
            }

            return ApplyAtomic(vm, (AtomicPolicy)args->atomic.val, start, end);
        }
    }

    /// <summary>Only mirrors have a preferred location; other areas are passed over.</summary>
    private static void ApplyLocation(Vm vm, in drm_xe_madvise_preferred_mem_loc location, ulong start, ulong end)
    {
        for (Vma? vma = vm.Vmas.FirstOverlap(start, end); vma is not null && vma.Start < end; vma = vm.Vmas.FindAbove(vma.Start))
        {
            ref VmaAttributes attributes = ref vma.Attributes;
            int fd = (int)location.devmem_fd;
            if (vma.Kind == VmaKind.CpuAddressMirror && (attributes.PreferredDevmemFd != fd || attributes.MigrationPolicy != location.migration_policy))
            {
                attributes.PreferredDevmemFd = fd;
                attributes.MigrationPolicy = location.migration_policy;

                // The data stays where it is; the next fault looks at the advice.
                vm.Rebind(vma);
            }
        }
    }

    private static int ApplyAtomic(Vm vm, AtomicPolicy policy, ulong start, ulong end)
    {
        for (Vma? vma = vm.Vmas.FirstOverlap(start, end); vma is not null && vma.Start < end; vma = vm.Vmas.FindAbove(vma.Start))
        {
            if (vma.Object is not null && !CanHonour(vm.Device.Profile, vma.Object, policy))
            {
                return -Errno.EINVAL;
            }
        }

        for (Vma? vma = vm.Vmas.FirstOverlap(start, end); vma is not null && vma.Start < end; vma = vm.Vmas.FindAbove(vma.Start))
        {
            if (vma.Attributes.Atomic != policy)
            {
                vma.Attributes.Atomic = policy;
                vm.Rebind(vma);
            }
        }

        return 0;
    }

    /// <summary>Whether a buffer object may live where a policy needs it (check_bo_args_are_sane).</summary>
    private static bool CanHonour(DeviceProfile profile, BufferObject bufferObject, AtomicPolicy policy)
    {
        bool system = (bufferObject.Placement & MemoryRegions.SystemBit) != 0;
        bool vram = (bufferObject.Placement & ~MemoryRegions.SystemBit) != 0;
        return policy switch
        {
            AtomicPolicy.Cpu => system,
            AtomicPolicy.Device => vram || (system && profile.HasDeviceAtomicsOnSystemMemory),
            AtomicPolicy.Global => vram && system,
            _ => true,
        };
    }

    private static bool IsSane(drm_xe_madvise* args)
    {
        if (((args->start | args->range) & PageConstants.PageMask) != 0 || args->range < PageConstants.PageSize || !UapiChecks.AreZero(args->reserved))
        {
            return false;
        }

        switch (args->type)
        {
            case DrmXe.DRM_XE_MEM_RANGE_ATTR_PREFERRED_LOC:
                int fd = (int)args->preferred_mem_loc.devmem_fd;
                return fd >= unchecked((int)DrmXe.DRM_XE_PREFERRED_LOC_DEFAULT_SYSTEM)
                    && (fd > 0 || args->preferred_mem_loc.region_instance == 0)
                    && args->preferred_mem_loc.migration_policy <= MostMigrationPolicies
                    && args->preferred_mem_loc.reserved == 0;
            case DrmXe.DRM_XE_MEM_RANGE_ATTR_ATOMIC:
                return args->atomic.val <= DrmXe.DRM_XE_ATOMIC_CPU && args->atomic.pad == 0 && args->atomic.reserved == 0;
            default:
                // PAT advice and purgeable buffer objects are not there yet: as on a kernel that does not know the type.
                return false;
        }
    }
}
