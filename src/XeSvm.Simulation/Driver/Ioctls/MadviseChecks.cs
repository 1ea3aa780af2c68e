using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Driver.Profiles;

namespace XeSvm.Simulation.Driver.Ioctls;

/// <summary>The checks of MADVISE that need no look at the VM's areas (madvise_args_are_sane), and those of each area.</summary>
internal static unsafe class MadviseChecks
{
    private const uint MostMigrationPolicies = 1;

    /// <summary>Whether the arguments make sense by themselves.</summary>
    public static bool AreSane(DeviceProfile profile, drm_xe_madvise* args)
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
            case DrmXe.DRM_XE_MEM_RANGE_ATTR_PAT:
                return profile.Pat.IsValid(args->pat_index.val) && args->pat_index.pad == 0 && args->pat_index.reserved == 0;
            case DrmXe.DRM_XE_VMA_ATTR_PURGEABLE_STATE:
                return args->purge_state_val.val <= DrmXe.DRM_XE_VMA_PURGEABLE_STATE_DONTNEED && args->purge_state_val.pad == 0;
            default:
                return false;
        }
    }

    /// <summary>Whether a buffer object may live where an atomic policy needs it (check_bo_args_are_sane).</summary>
    public static bool CanHonour(DeviceProfile profile, BufferObject bufferObject, AtomicPolicy policy)
    {
        bool system = (bufferObject.Placement & MemoryRegions.SystemBit) != 0;
        bool vram = bufferObject.HasVramPlacement;
        return policy switch
        {
            AtomicPolicy.Cpu => system,
            AtomicPolicy.Device => vram || (system && profile.HasDeviceAtomicsOnSystemMemory),
            AtomicPolicy.Global => vram && system,
            _ => true,
        };
    }

    /// <summary>
    /// Whether an area may have a PAT index (check_pat_args_are_sane): on integrated devices what the CPU caches, or may cache, needs
    /// coherency.
    /// </summary>
    public static bool CanHonour(DeviceProfile profile, Vma vma, uint patIndex)
    {
        if (profile.IsDiscrete || !profile.Pat.IsIncoherent(patIndex))
        {
            return true;
        }

        return vma.Kind == VmaKind.Null
            || (vma.Object is { IsImported: false } bufferObject && bufferObject.Caching != DrmXe.DRM_XE_GEM_CPU_CACHING_WB);
    }
}
