using System.Diagnostics;
using System.Runtime.InteropServices;

using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Driver.Fences;
using XeSvm.Simulation.Gpu;

namespace XeSvm.Simulation.Driver.Ioctls;

/// <summary>DRM_IOCTL_SYNCOBJ_TRANSFER (drm_syncobj_transfer_ioctl).</summary>
internal static unsafe class SyncobjTransferIoctl
{
    public static int Invoke(SoftwareFile file, void* argument)
    {
        drm_syncobj_transfer* args = (drm_syncobj_transfer*)argument;
        if (args->pad != 0)
        {
            return -Errno.EINVAL;
        }

        if (!file.TryGetSyncobj(args->dst_handle, out Syncobj? destination))
        {
            return -Errno.ENOENT;
        }

        int result = FindFence(file, args->src_handle, args->src_point, args->flags, out DmaFence fence);
        if (result == 0 && args->dst_point == 0)
        {
            destination.Replace(fence);
        }
        else if (result == 0)
        {
            destination.AddPoint(fence, args->dst_point);
        }

        destination.Release();
        return result;
    }

    /// <summary>The fence of a point (drm_syncobj_find_fence): 0; -EINVAL when it is not there; -ENOENT; -ETIME and -EINTR of the wait for it.</summary>
    internal static int FindFence(SoftwareFile file, uint handle, ulong point, uint flags, out DmaFence fence)
    {
        fence = default;
        if ((flags & ~Drm.DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT) != 0)
        {
            return -Errno.EINVAL;
        }

        if (!file.TryGetSyncobj(handle, out Syncobj? syncobj))
        {
            return -Errno.ENOENT;
        }

        int result = 0;
        if (flags != 0)
        {
            long deadline = Stopwatch.GetTimestamp() + (long)(file.Device.SyncobjSubmitTimeout.TotalSeconds * Stopwatch.Frequency);
            result = SyncobjWait.OfThread.Run(
                file, new ReadOnlySpan<Syncobj>(in syncobj), new ReadOnlySpan<ulong>(in point), Drm.DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE, deadline, out _);
        }

        var fences = new List<DmaFence>();
        if (result == 0 && syncobj.Find(point, fences) == SyncobjPoint.Missing)
        {
            result = -Errno.EINVAL;
        }

        if (result == 0)
        {
            fence = FenceArray.Merge(CollectionsMarshal.AsSpan(fences));
        }

        syncobj.Release();
        return result;
    }
}
