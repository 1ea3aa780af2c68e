using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Driver.Profiles;

namespace XeSvm.Simulation.Driver.Ioctls;

/// <summary>The checks of one bind operation that need no look at the VM's areas (vm_bind_ioctl_check_args, xe_vm_bind_ioctl_validate_bo).</summary>
internal static class VmBindChecks
{
    private const uint KnownFlags = DrmXe.DRM_XE_VM_BIND_FLAG_READONLY | DrmXe.DRM_XE_VM_BIND_FLAG_IMMEDIATE | DrmXe.DRM_XE_VM_BIND_FLAG_NULL
        | DrmXe.DRM_XE_VM_BIND_FLAG_DUMPABLE | DrmXe.DRM_XE_VM_BIND_FLAG_CHECK_PXP | DrmXe.DRM_XE_VM_BIND_FLAG_CPU_ADDR_MIRROR
        | DrmXe.DRM_XE_VM_BIND_FLAG_MADVISE_AUTORESET | DrmXe.DRM_XE_VM_BIND_FLAG_DECOMPRESS;

    /// <summary>0, -EINVAL or -EOPNOTSUPP.</summary>
    public static int CheckOp(SoftwareDevice device, Vm vm, in drm_xe_vm_bind_op op)
    {
        DeviceProfile profile = device.Profile;
        bool mirror = (op.flags & DrmXe.DRM_XE_VM_BIND_FLAG_CPU_ADDR_MIRROR) != 0;
        if ((mirror && !vm.IsFaultMode) || !profile.Pat.IsValid(op.pat_index) || !IsConsistent(profile, device, op, mirror))
        {
            return -Errno.EINVAL;
        }

        if (((op.obj_offset | op.addr | op.range) & PageConstants.PageMask) != 0
            || (op.range == 0 && op.op != DrmXe.DRM_XE_VM_BIND_OP_UNMAP_ALL))
        {
            return -Errno.EINVAL;
        }

        // In-place decompression needs flat CCS, which no device of this backend has compressed data for.
        return (op.flags & DrmXe.DRM_XE_VM_BIND_FLAG_DECOMPRESS) != 0 && (!profile.IsDiscrete || profile.GraphicsVersion < 20)
            ? -Errno.EOPNOTSUPP
            : 0;
    }

    /// <summary>0, or -EINVAL when an operation does not fit the buffer object that it names.</summary>
    public static int CheckObject(DeviceProfile profile, in drm_xe_vm_bind_op op, BufferObject bufferObject)
    {
        bool incoherentOnCached = profile.Pat.IsIncoherent(op.pat_index) && bufferObject.Caching == DrmXe.DRM_XE_GEM_CPU_CACHING_WB;
        bool misaligned = bufferObject.HasVramPlacement && ((op.obj_offset | op.addr | op.range) & (profile.MinPageSize - 1)) != 0;
        return (bufferObject.ForbidsCompression && profile.Pat.IsCompressing(op.pat_index))
            || (bufferObject.IsImported && (profile.Pat.IsIncoherent(op.pat_index) || profile.Pat.IsCompressing(op.pat_index)))
            || op.range > bufferObject.Size || op.obj_offset > bufferObject.Size - op.range || misaligned || incoherentOnCached
            ? -Errno.EINVAL
            : 0;
    }

    private static bool IsConsistent(DeviceProfile profile, SoftwareDevice device, in drm_xe_vm_bind_op op, bool mirror)
    {
        bool isNull = (op.flags & DrmXe.DRM_XE_VM_BIND_FLAG_NULL) != 0;
        bool autoReset = (op.flags & DrmXe.DRM_XE_VM_BIND_FLAG_MADVISE_AUTORESET) != 0;
        bool decompress = (op.flags & DrmXe.DRM_XE_VM_BIND_FLAG_DECOMPRESS) != 0;
        bool noObject = isNull || mirror;
        uint region = op.prefetch_mem_region_instance;
        bool map = op.op == DrmXe.DRM_XE_VM_BIND_OP_MAP;
        bool prefetch = op.op == DrmXe.DRM_XE_VM_BIND_OP_PREFETCH;
        if ((op.flags & ~KnownFlags) != 0
            || (noObject && (op.obj != 0 || op.obj_offset != 0))
            || ((noObject || decompress) && !map)
            || (decompress && profile.Pat.IsCompressing(op.pat_index))
            || (autoReset && !(mirror && map))
            || (region != 0 && !prefetch))
        {
            return false;
        }

        if (mirror && !profile.IsDiscrete && profile.Pat.IsIncoherent(op.pat_index))
        {
            return false;
        }

        return op.op switch
        {
            DrmXe.DRM_XE_VM_BIND_OP_MAP => op.obj != 0 || noObject,
            DrmXe.DRM_XE_VM_BIND_OP_UNMAP => op.obj == 0,
            DrmXe.DRM_XE_VM_BIND_OP_UNMAP_ALL => op.obj != 0 && op.addr == 0 && op.range == 0,
            DrmXe.DRM_XE_VM_BIND_OP_PREFETCH => op.obj == 0
                && (region == MemoryRegions.ConsultMadvise || (region < 32 && (device.RegionMask >> (int)region & 1) != 0)),
            DrmXe.DRM_XE_VM_BIND_OP_MAP_USERPTR => op.obj == 0
                && !profile.Pat.IsIncoherent(op.pat_index) && !profile.Pat.IsCompressing(op.pat_index),
            _ => false,
        };
    }
}
