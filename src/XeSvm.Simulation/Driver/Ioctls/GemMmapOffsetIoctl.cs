using XeSvm.Interop.Uapi;

namespace XeSvm.Simulation.Driver.Ioctls;

/// <summary>DRM_IOCTL_XE_GEM_MMAP_OFFSET (xe_gem_mmap_offset_ioctl).</summary>
internal static unsafe class GemMmapOffsetIoctl
{
    public static int Invoke(SoftwareFile file, void* argument)
    {
        drm_xe_gem_mmap_offset* args = (drm_xe_gem_mmap_offset*)argument;
        if (args->extensions != 0 || !UapiChecks.AreZero(args->reserved) || (args->flags & ~(uint)DrmXe.DRM_XE_MMAP_OFFSET_FLAG_PCI_BARRIER) != 0)
        {
            return -Errno.EINVAL;
        }

        if (args->flags != 0)
        {
            if (!file.Device.IsDiscrete || args->handle != 0)
            {
                return -Errno.EINVAL;
            }

            args->offset = PciBarrier.Offset;
            return 0;
        }

        if (!file.Handles.TryGet(args->handle, out BufferObject? bufferObject))
        {
            return -Errno.ENOENT;
        }

        args->offset = bufferObject.FakeOffset;
        return 0;
    }
}
