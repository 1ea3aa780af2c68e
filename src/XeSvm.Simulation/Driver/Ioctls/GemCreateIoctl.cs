using XeSvm.Interop.Uapi;

namespace XeSvm.Simulation.Driver.Ioctls;

/// <summary>DRM_IOCTL_XE_GEM_CREATE (xe_gem_create_ioctl): the checks stand in the kernel's order.</summary>
internal static unsafe class GemCreateIoctl
{
    private const uint KnownFlags = DrmXe.DRM_XE_GEM_CREATE_FLAG_DEFER_BACKING | DrmXe.DRM_XE_GEM_CREATE_FLAG_SCANOUT
        | DrmXe.DRM_XE_GEM_CREATE_FLAG_NEEDS_VISIBLE_VRAM | DrmXe.DRM_XE_GEM_CREATE_FLAG_NO_COMPRESSION;

    public static int Invoke(SoftwareFile file, void* argument)
    {
        drm_xe_gem_create* args = (drm_xe_gem_create*)argument;
        int result = Check(file.Device, args);
        if (result < 0)
        {
            return result;
        }

        Vm? owner = null;
        if (args->vm_id != 0 && !file.Vms.TryGet(args->vm_id, out owner))
        {
            return -Errno.ENOENT;
        }

        bool vram = (args->placement & ~MemoryRegions.SystemBit) != 0;
        if (vram && (args->size & (file.Device.Profile.MinPageSize - 1)) != 0)
        {
            return -Errno.EINVAL;
        }

        file.Device.DmaBufs.Sweep();
        var request = new BufferObjectRequest(args->size, args->placement, args->cpu_caching, args->flags, owner);
        result = BufferObject.Create(file.Device, request, out BufferObject? bufferObject);
        if (result < 0)
        {
            return result;
        }

        result = UserExtensions.ForEachProperty(file, args->extensions, file.Device, &CheckProperty);
        if (result < 0 || !file.Handles.TryAdd(bufferObject!, out args->handle))
        {
            bufferObject!.Release();
            return result < 0 ? result : -Errno.EBADF;
        }

        return 0;
    }

    private static int Check(SoftwareDevice device, drm_xe_gem_create* args)
    {
        if (!UapiChecks.AreZero(args->pad) || !UapiChecks.AreZero(args->reserved)
            || args->placement == 0 || (args->placement & ~device.RegionMask) != 0
            || (args->flags & ~KnownFlags) != 0 || args->handle != 0
            || args->size == 0 || (args->size & PageConstants.PageMask) != 0)
        {
            return -Errno.EINVAL;
        }

        if ((args->flags & DrmXe.DRM_XE_GEM_CREATE_FLAG_NO_COMPRESSION) != 0 && device.Profile.GraphicsVersion < 20)
        {
            return -Errno.EOPNOTSUPP;
        }

        bool vram = (args->placement & ~MemoryRegions.SystemBit) != 0;
        bool needsVisible = (args->flags & DrmXe.DRM_XE_GEM_CREATE_FLAG_NEEDS_VISIBLE_VRAM) != 0;
        bool scanout = (args->flags & DrmXe.DRM_XE_GEM_CREATE_FLAG_SCANOUT) != 0;
        bool writeBack = args->cpu_caching == DrmXe.DRM_XE_GEM_CPU_CACHING_WB;
        bool writeCombining = args->cpu_caching == DrmXe.DRM_XE_GEM_CPU_CACHING_WC;
        return (needsVisible && !vram) || (!writeBack && !writeCombining) || (vram && !writeCombining) || (scanout && writeBack)
            ? -Errno.EINVAL
            : 0;
    }

    private static int CheckProperty(in drm_xe_ext_set_property property, SoftwareDevice device) =>
        property.property == DrmXe.DRM_XE_GEM_CREATE_SET_PROPERTY_PXP_TYPE ? UserExtensions.CheckPxpType(property.value) : -Errno.EINVAL;
}
