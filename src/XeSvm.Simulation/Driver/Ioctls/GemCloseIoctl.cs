using XeSvm.Interop.Uapi;

namespace XeSvm.Simulation.Driver.Ioctls;

/// <summary>DRM_IOCTL_GEM_CLOSE (drm_gem_close_ioctl): mappings keep the object alive.</summary>
internal static unsafe class GemCloseIoctl
{
    public static int Invoke(SoftwareFile file, void* argument)
    {
        if (!file.Handles.TryRemove(((drm_gem_close*)argument)->handle, out BufferObject? bufferObject))
        {
            return -Errno.EINVAL;
        }

        bufferObject.Release();
        file.Device.DmaBufs.Sweep();
        return 0;
    }
}
