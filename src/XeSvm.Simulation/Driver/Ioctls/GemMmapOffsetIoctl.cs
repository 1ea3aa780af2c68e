using XeSvm.Interop.Uapi;

namespace XeSvm.Simulation.Driver.Ioctls;

/// <summary>DRM_IOCTL_XE_GEM_MMAP_OFFSET (xe_gem_mmap_offset_ioctl). The PCI barrier page is not offered.</summary>
internal static unsafe class GemMmapOffsetIoctl
{
    public static int Invoke(SoftwareFile file, void* argument)
    {
        drm_xe_gem_mmap_offset* args = (drm_xe_gem_mmap_offset*)argument;
        if (args->extensions != 0 || !UapiChecks.AreZero(args->reserved) || args->flags != 0)
        {
            return -Errno.EINVAL;
        }

        if (!file.Handles.TryGet(args->handle, out BufferObject? bufferObject))
        {
            return -Errno.ENOENT;
        }

        args->offset = bufferObject.FakeOffset;
        return 0;
    }
}
