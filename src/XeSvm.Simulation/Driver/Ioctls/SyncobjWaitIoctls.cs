using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Driver.Fences;

namespace XeSvm.Simulation.Driver.Ioctls;

/// <summary>DRM_IOCTL_SYNCOBJ_WAIT and TIMELINE_WAIT (drm_syncobj.c). A deadline hint has nothing to hurry here and is accepted.</summary>
internal static unsafe class SyncobjWaitIoctls
{
    private const uint WaitFlags = Drm.DRM_SYNCOBJ_WAIT_FLAGS_WAIT_ALL | Drm.DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT
        | Drm.DRM_SYNCOBJ_WAIT_FLAGS_WAIT_DEADLINE;

    public static int Wait(SoftwareFile file, void* argument)
    {
        drm_syncobj_wait* args = (drm_syncobj_wait*)argument;
        return (args->flags & ~WaitFlags) != 0
            ? -Errno.EINVAL
            : Wait(file, args->handles, args->count_handles, 0, args->flags, args->timeout_nsec, ref args->first_signaled);
    }

    public static int TimelineWait(SoftwareFile file, void* argument)
    {
        drm_syncobj_timeline_wait* args = (drm_syncobj_timeline_wait*)argument;
        return (args->flags & ~(WaitFlags | Drm.DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE)) != 0
            ? -Errno.EINVAL
            : Wait(file, args->handles, args->count_handles, args->points, args->flags, args->timeout_nsec, ref args->first_signaled);
    }

    private static int Wait(
        SoftwareFile file, ulong handles, uint count, ulong points, uint flags, long timeout, ref uint firstSignaled)
    {
        if (count == 0)
        {
            return 0;
        }

        var array = default(SyncobjArray);
        try
        {
            int result = array.Load(file, handles, count);
            result = result < 0 ? result : array.ReadPoints(file, points);
            if (result == 0)
            {
                result = SyncobjWait.OfThread.Run(file, array.Syncobjs, array.Points, flags, timeout, out uint first);
                firstSignaled = result == 0 ? first : firstSignaled;
            }

            return result;
        }
        finally
        {
            array.Dispose();
        }
    }
}
