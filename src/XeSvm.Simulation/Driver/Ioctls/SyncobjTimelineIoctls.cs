using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Driver.Fences;
using XeSvm.Simulation.Gpu;

namespace XeSvm.Simulation.Driver.Ioctls;

/// <summary>DRM_IOCTL_SYNCOBJ_QUERY and TIMELINE_SIGNAL (drm_syncobj.c).</summary>
internal static unsafe class SyncobjTimelineIoctls
{
    public static int Query(SoftwareFile file, void* argument)
    {
        drm_syncobj_timeline_array* args = (drm_syncobj_timeline_array*)argument;
        if ((args->flags & ~Drm.DRM_SYNCOBJ_QUERY_FLAGS_LAST_SUBMITTED) != 0 || args->count_handles == 0)
        {
            return -Errno.EINVAL;
        }

        var array = default(SyncobjArray);
        try
        {
            int result = array.Load(file, args->handles, args->count_handles);
            bool lastSubmitted = (args->flags & Drm.DRM_SYNCOBJ_QUERY_FLAGS_LAST_SUBMITTED) != 0;
            for (int i = 0; i < array.Syncobjs.Length && result == 0; i++)
            {
                ulong point = array.Syncobjs[i].Query(lastSubmitted);
                result = file.Client.Write(args->points + ((ulong)i * sizeof(ulong)), &point, sizeof(ulong)) < 0 ? -Errno.EFAULT : 0;
            }

            return result;
        }
        finally
        {
            array.Dispose();
        }
    }

    public static int Signal(SoftwareFile file, void* argument)
    {
        drm_syncobj_timeline_array* args = (drm_syncobj_timeline_array*)argument;
        if (args->flags != 0 || args->count_handles == 0)
        {
            return -Errno.EINVAL;
        }

        var array = default(SyncobjArray);
        try
        {
            int result = array.Load(file, args->handles, args->count_handles);
            result = result < 0 ? result : array.ReadPoints(file, args->points);
            for (int i = 0; i < array.Syncobjs.Length && result == 0; i++)
            {
                array.Syncobjs[i].AddPoint(DmaFence.Stub, array.Points[i]);
            }

            return result;
        }
        finally
        {
            array.Dispose();
        }
    }
}
