using XeSvm.Interop.LibC;
using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Driver.Fences;
using XeSvm.Simulation.Gpu;

namespace XeSvm.Simulation.Driver.Ioctls;

/// <summary>DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, FD_TO_HANDLE and EVENTFD (drm_syncobj.c).</summary>
internal static unsafe class SyncobjDescriptorIoctls
{
    private const string EventFdName = "anon_inode:[eventfd]";

    public static int HandleToFd(SoftwareFile file, void* argument)
    {
        drm_syncobj_handle* args = (drm_syncobj_handle*)argument;
        const uint syncFile = Drm.DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE;
        const uint timeline = Drm.DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_TIMELINE;
        if (!IsSane(args, syncFile, timeline))
        {
            return -Errno.EINVAL;
        }

        int result;
        if ((args->flags & syncFile) != 0)
        {
            result = SyncobjTransferIoctl.FindFence(file, args->handle, args->point, 0, out DmaFence fence);
            return result < 0 ? result : Give(FenceDescriptors.Export(fence, out args->fd), args);
        }

        if (!file.TryGetSyncobj(args->handle, out Syncobj? syncobj))
        {
            return -Errno.EINVAL;
        }

        result = Give(FenceDescriptors.Export(syncobj, out args->fd), args);
        syncobj.Release();
        return result;
    }

    public static int FdToHandle(SoftwareFile file, void* argument)
    {
        drm_syncobj_handle* args = (drm_syncobj_handle*)argument;
        const uint syncFile = Drm.DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_IMPORT_SYNC_FILE;
        if (!IsSane(args, syncFile, Drm.DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_TIMELINE))
        {
            return -Errno.EINVAL;
        }

        if ((args->flags & syncFile) != 0)
        {
            return ImportSyncFile(file, args);
        }

        Syncobj? syncobj = null;
        bool found = IoctlCaller.Take(args->fd, out FileDescriptorHandle taken) == 0
            && FenceDescriptors.TryFindSyncobj((int)taken.DangerousGetHandle(), out syncobj);
        taken.Dispose();
        return found ? SyncobjIoctls.AddHandle(file, syncobj!, out args->handle) : -Errno.EINVAL;
    }

    public static int EventFd(SoftwareFile file, void* argument)
    {
        drm_syncobj_eventfd* args = (drm_syncobj_eventfd*)argument;
        if ((args->flags & ~Drm.DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE) != 0 || args->pad != 0)
        {
            return -Errno.EINVAL;
        }

        if (!file.TryGetSyncobj(args->handle, out Syncobj? syncobj))
        {
            return -Errno.ENOENT;
        }

        int result = OpenEventFd(args->fd, out FileDescriptorHandle? eventFd);
        if (result == 0)
        {
            new SyncobjEventFd(eventFd!, args->point, args->flags != 0).Start(syncobj);
        }

        syncobj.Release();
        return result;
    }

    /// <summary>A descriptor of the driver's own for an eventfd of the client (eventfd_ctx_fdget): 0, -EBADF, -EINVAL, -EMFILE.</summary>
    private static int OpenEventFd(int descriptor, out FileDescriptorHandle? eventFd)
    {
        int result = IoctlCaller.Take(descriptor, out eventFd);
        if (result == 0 && FenceDescriptors.NameOf((int)eventFd.DangerousGetHandle()) != EventFdName)
        {
            eventFd.Dispose();
            return -Errno.EINVAL;
        }

        return result;
    }

    /// <summary>Hands an exported descriptor over to the caller.</summary>
    private static int Give(int result, drm_syncobj_handle* args)
    {
        if (result == 0)
        {
            args->fd = IoctlCaller.Give(args->fd);
        }

        return result;
    }

    private static bool IsSane(drm_syncobj_handle* args, uint syncFile, uint timeline) =>
        args->pad == 0 && (args->flags & ~(syncFile | timeline)) == 0 && (args->point == 0 || args->flags == (syncFile | timeline));

    private static int ImportSyncFile(SoftwareFile file, drm_syncobj_handle* args)
    {
        DmaFence fence = default;
        bool found = IoctlCaller.Take(args->fd, out FileDescriptorHandle taken) == 0
            && FenceDescriptors.TryFindFence((int)taken.DangerousGetHandle(), out fence);
        taken.Dispose();
        if (!found)
        {
            return -Errno.EINVAL;
        }

        if (!file.TryGetSyncobj(args->handle, out Syncobj? syncobj))
        {
            return -Errno.ENOENT;
        }

        if (args->point == 0)
        {
            syncobj.Replace(fence);
        }
        else
        {
            syncobj.AddPoint(fence, args->point);
        }

        syncobj.Release();
        return 0;
    }
}
