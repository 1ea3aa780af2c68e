using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Driver.Fences;
using XeSvm.Simulation.Gpu;

namespace XeSvm.Simulation.Driver.Ioctls;

/// <summary>DRM_IOCTL_SYNCOBJ_CREATE, DESTROY, RESET and SIGNAL (drm_syncobj.c).</summary>
internal static unsafe class SyncobjIoctls
{
    public static int Create(SoftwareFile file, void* argument)
    {
        drm_syncobj_create* args = (drm_syncobj_create*)argument;
        if ((args->flags & ~Drm.DRM_SYNCOBJ_CREATE_SIGNALED) != 0)
        {
            return -Errno.EINVAL;
        }

        var syncobj = new Syncobj();
        if ((args->flags & Drm.DRM_SYNCOBJ_CREATE_SIGNALED) != 0)
        {
            syncobj.Replace(DmaFence.Stub);
        }

        return AddHandle(file, syncobj, out args->handle);
    }

    public static int Destroy(SoftwareFile file, void* argument)
    {
        drm_syncobj_destroy* args = (drm_syncobj_destroy*)argument;
        if (args->pad != 0 || !file.Syncobjs.TryRemove(args->handle, out Syncobj? syncobj))
        {
            return -Errno.EINVAL;
        }

        syncobj.Release();
        return 0;
    }

    public static int Reset(SoftwareFile file, void* argument) => ReplaceAll(file, (drm_syncobj_array*)argument, default);

    public static int Signal(SoftwareFile file, void* argument) => ReplaceAll(file, (drm_syncobj_array*)argument, DmaFence.Stub);

    /// <summary>Gives a syncobj a handle, which takes the caller's reference over: 0, or -EBADF when the file is closed.</summary>
    internal static int AddHandle(SoftwareFile file, Syncobj syncobj, out uint handle)
    {
        if (file.Syncobjs.TryAdd(syncobj, out handle))
        {
            return 0;
        }

        syncobj.Release();
        return -Errno.EBADF;
    }

    private static int ReplaceAll(SoftwareFile file, drm_syncobj_array* args, DmaFence fence)
    {
        if (args->pad != 0 || args->count_handles == 0)
        {
            return -Errno.EINVAL;
        }

        var array = default(SyncobjArray);
        try
        {
            int result = array.Load(file, args->handles, args->count_handles);
            foreach (Syncobj syncobj in result == 0 ? array.Syncobjs : [])
            {
                syncobj.Replace(fence);
            }

            return result;
        }
        finally
        {
            array.Dispose();
        }
    }
}
