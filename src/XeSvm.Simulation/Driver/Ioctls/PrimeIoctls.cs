using XeSvm.Interop.LibC;
using XeSvm.Interop.Uapi;

namespace XeSvm.Simulation.Driver.Ioctls;

/// <summary>DRM_IOCTL_PRIME_HANDLE_TO_FD and DRM_IOCTL_PRIME_FD_TO_HANDLE (drm_prime.c, xe_dma_buf.c).</summary>
internal static unsafe class PrimeIoctls
{
    public static int HandleToDescriptor(SoftwareFile file, void* argument)
    {
        drm_prime_handle* args = (drm_prime_handle*)argument;
        if ((args->flags & ~(Drm.DRM_CLOEXEC | Drm.DRM_RDWR)) != 0)
        {
            return -Errno.EINVAL;
        }

        if (!file.TryGetObject(args->handle, out BufferObject? bufferObject))
        {
            return -Errno.ENOENT;
        }

        int result = Check(bufferObject);
        if (result == 0)
        {
            result = DmaBufs.Export(bufferObject, (args->flags & Drm.DRM_RDWR) != 0, (args->flags & Drm.DRM_CLOEXEC) != 0);
            if (result >= 0)
            {
                args->fd = IoctlCaller.Give(result);
                bufferObject.UpdatePurge();
                result = 0;
            }
        }

        bufferObject.Release();
        return result;
    }

    public static int DescriptorToHandle(SoftwareFile file, void* argument)
    {
        drm_prime_handle* args = (drm_prime_handle*)argument;
        int result = IoctlCaller.Take(args->fd, out FileDescriptorHandle taken);
        BufferObject? bufferObject = null;
        if (result == 0)
        {
            result = file.Device.DmaBufs.Import((int)taken.DangerousGetHandle(), out bufferObject);
        }

        taken.Dispose();
        if (result < 0)
        {
            return result;
        }

        // A file names an object once: with the handle that it has for it already, if it has.
        bool found = file.Handles.TryFindOrAdd(bufferObject!, out uint handle, out bool added);
        if (!added)
        {
            bufferObject!.Release();
        }

        if (!found)
        {
            return -Errno.EBADF;
        }

        args->handle = handle;
        return 0;
    }

    private static int Check(BufferObject bufferObject)
    {
        if (bufferObject.OwnerVm is not null)
        {
            return -Errno.EPERM;
        }

        return bufferObject.Purge switch
        {
            PurgeState.WillNeed => 0,
            PurgeState.DontNeed => -Errno.EBUSY,
            _ => -Errno.EINVAL,
        };
    }
}
