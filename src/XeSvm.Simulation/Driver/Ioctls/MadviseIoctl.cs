using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Driver.Profiles;
using XeSvm.Simulation.Pagemap;

namespace XeSvm.Simulation.Driver.Ioctls;

/// <summary>DRM_IOCTL_XE_MADVISE (xe_vm_madvise_ioctl): preferred location, atomic policy, PAT index and purgeable state of areas.</summary>
internal static unsafe class MadviseIoctl
{
    public static int Invoke(SoftwareFile file, void* argument)
    {
        drm_xe_madvise* args = (drm_xe_madvise*)argument;
        if (!file.Vms.TryGet(args->vm_id, out Vm? vm) || !MadviseChecks.AreSane(file.Device.Profile, args))
        {
            return -Errno.EINVAL;
        }

        bool purgeable = args->type == DrmXe.DRM_XE_VMA_ATTR_PURGEABLE_STATE;
        int result = purgeable ? CheckRetained(file, args->purge_state_val.retained_ptr) : 0;
        if (result < 0)
        {
            return result;
        }

        vm.Client.Settle();
        vm.Client.Revalidate(0, vm.Size);
        bool retained = true;
        lock (vm.Lock)
        {
            vm.Svm?.CollectGarbage();
            if (vm.IsClosed)
            {
                return -Errno.ENOENT;
            }

            DevicePagemap? region = null;
            if (args->type == DrmXe.DRM_XE_MEM_RANGE_ATTR_PREFERRED_LOC && (int)args->preferred_mem_loc.devmem_fd > 0)
            {
                result = FindRegion(vm, args, out region);
                if (result < 0)
                {
                    return result;
                }
            }

            ulong start = args->start & (vm.Size - 1);
            ulong end = start + args->range;
            if (end > vm.Size || end < start)
            {
                return -Errno.EINVAL;
            }

            VmSplitter.SplitAt(vm, start);
            VmSplitter.SplitAt(vm, end);
            result = Check(vm, args, start, end);
            if (result < 0)
            {
                return result;
            }

            for (Vma? vma = First(vm, start, end); vma is not null; vma = Next(vm, vma, end))
            {
                retained &= Apply(vm, vma, args, region);
            }
        }

        return purgeable ? WriteRetained(file, args->purge_state_val.retained_ptr, retained) : 0;
    }

    private static Vma? First(Vm vm, ulong start, ulong end) => vm.Vmas.FirstOverlap(start, end);

    private static Vma? Next(Vm vm, Vma vma, ulong end) => vm.Vmas.FindAbove(vma.Start) is { } next && next.Start < end ? next : null;

    /// <summary>Where the answer of a purgeable state goes must be readable, and 0.</summary>
    private static int CheckRetained(SoftwareFile file, ulong pointer)
    {
        uint retained = 0;
        return pointer != 0 && file.Client.Read(pointer, &retained, sizeof(uint)) < 0 ? -Errno.EFAULT : retained != 0 ? -Errno.EINVAL : 0;
    }

    private static int WriteRetained(SoftwareFile file, ulong pointer, bool retained)
    {
        uint value = retained ? 1u : 0;
        return pointer != 0 && file.Client.Write(pointer, &value, sizeof(uint)) < 0 ? -Errno.EFAULT : 0;
    }

    /// <summary>The VRAM that a descriptor and a region's number name (xe_drm_pagemap_from_fd, madvise_details_init).</summary>
    /// <returns>0; -ENOENT; -ENODEV for a device that is lost; -ENOLINK for one that the VM's GPU has no fast interconnect to.</returns>
    private static int FindRegion(Vm vm, drm_xe_madvise* args, out DevicePagemap? region)
    {
        region = null;
        if (!IoctlCaller.TryFindFile((int)args->preferred_mem_loc.devmem_fd, out SoftwareFile? file))
        {
            return -Errno.ENOENT;
        }

        SoftwareDevice device = file.Device;
        int tile = args->preferred_mem_loc.region_instance - MemoryRegions.FirstVramInstance;
        if (!device.IsDiscrete || tile < 0 || tile >= device.Tiles.Length)
        {
            return -Errno.ENOENT;
        }

        region = device.Tiles[tile].Pagemap;
        int result = device.Loss.IsLost ? -Errno.ENODEV : vm.Sees(region) ? 0 : -Errno.ENOLINK;

        // The device may be closed from here on: the VM keeps it. What is about to end is not open any more.
        return result == 0 && !vm.Peers.Keep(device) ? -Errno.ENOENT : result;
    }

    /// <summary>Looks at every area before any is changed. The split stays in any case: it changes no attribute.</summary>
    private static int Check(Vm vm, drm_xe_madvise* args, ulong start, ulong end)
    {
        DeviceProfile profile = vm.Device.Profile;
        for (Vma? vma = First(vm, start, end); vma is not null; vma = Next(vm, vma, end))
        {
            bool good = args->type switch
            {
                DrmXe.DRM_XE_MEM_RANGE_ATTR_ATOMIC => vma.Object is null || MadviseChecks.CanHonour(profile, vma.Object, (AtomicPolicy)args->atomic.val),
                DrmXe.DRM_XE_MEM_RANGE_ATTR_PAT => MadviseChecks.CanHonour(profile, vma, args->pat_index.val),
                _ => true,
            };
            if (!good)
            {
                return -Errno.EINVAL;
            }
        }

        return 0;
    }

    /// <summary>Gives advice to one area; false when its content is gone.</summary>
    private static bool Apply(Vm vm, Vma vma, drm_xe_madvise* args, DevicePagemap? region)
    {
        ref VmaAttributes attributes = ref vma.Attributes;
        bool changed = false;
        switch (args->type)
        {
            case DrmXe.DRM_XE_MEM_RANGE_ATTR_PREFERRED_LOC:
                int fd = (int)args->preferred_mem_loc.devmem_fd;
                ushort policy = args->preferred_mem_loc.migration_policy;

                // Only mirrors have a preferred location. The data stays where it is; the next fault looks at the advice. Another region of the
                // same descriptor counts as no change, as the kernel looks at descriptor and policy only.
                changed = vma.Kind == VmaKind.CpuAddressMirror && (attributes.PreferredDevmemFd != fd || attributes.MigrationPolicy != policy);
                if (changed)
                {
                    attributes.PreferredDevmemFd = fd;
                    attributes.MigrationPolicy = policy;
                    attributes.PreferredRegion = region;
                }

                break;
            case DrmXe.DRM_XE_MEM_RANGE_ATTR_ATOMIC:
                var atomic = (AtomicPolicy)args->atomic.val;
                if (vma.Kind == VmaKind.Userptr && !(atomic == AtomicPolicy.Device && vm.Device.Profile.HasDeviceAtomicsOnSystemMemory))
                {
                    // What cannot move has no use for any other policy (madvise_atomic).
                    break;
                }

                changed = attributes.Atomic != atomic;
                attributes.Atomic = atomic;
                if (vma.Object is not null)
                {
                    vma.Object.Atomic = attributes.Atomic;
                }

                break;
            case DrmXe.DRM_XE_MEM_RANGE_ATTR_PAT:
                changed = attributes.PatIndex != args->pat_index.val;
                attributes.PatIndex = (ushort)args->pat_index.val;
                break;
            default:
                return SetPurgeable(vma, args->purge_state_val.val == DrmXe.DRM_XE_VMA_PURGEABLE_STATE_DONTNEED);
        }

        if (changed)
        {
            vm.Rebind(vma);
        }

        return true;
    }

    private static bool SetPurgeable(Vma vma, bool dontNeed)
    {
        if (vma.Object is not { } bufferObject)
        {
            return true;
        }

        lock (bufferObject.Lock)
        {
            vma.Attributes.DontNeed = dontNeed;
            bufferObject.UpdatePurge();
            return bufferObject.Purge != PurgeState.Purged;
        }
    }
}
