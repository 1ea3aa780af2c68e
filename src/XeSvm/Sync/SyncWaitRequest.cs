using System.Buffers;
using XeSvm.Interop.Uapi;

namespace XeSvm;

/// <summary>SYNCOBJ_WAIT and SYNCOBJ_TIMELINE_WAIT: the requests with their lists of handles and points.</summary>
internal static unsafe class SyncWaitRequest
{
    /// <summary>Lists up to this length are on the stack.</summary>
    private const int OnStack = 32;

    private const SyncWaitOptions Known = SyncWaitOptions.WaitForSubmit | SyncWaitOptions.WaitAvailable;

    /// <summary>Waits until a point on CLOCK_MONOTONIC, in nanoseconds; 0 only looks.</summary>
    internal static XeResult Issue(ReadOnlySpan<SyncPoint> points, long deadline, SyncWaitOptions options, bool all, out int index)
    {
        if ((options & ~Known) != 0)
        {
            throw new ArgumentOutOfRangeException(nameof(options), options, "Not a combination of SyncWaitOptions.");
        }

        DeviceFile file = SyncObject.FileOf(points).Reference();
        uint[]? rentedHandles = null;
        ulong[]? rentedPoints = null;
        Span<uint> handles = points.Length <= OnStack ? stackalloc uint[OnStack] : rentedHandles = ArrayPool<uint>.Shared.Rent(points.Length);
        Span<ulong> values =
            points.Length <= OnStack ? stackalloc ulong[OnStack] : rentedPoints = ArrayPool<ulong>.Shared.Rent(points.Length);
        int acquired = 0;
        try
        {
            bool timeline = (options & SyncWaitOptions.WaitAvailable) != 0;
            foreach (SyncPoint point in points)
            {
                SyncObject syncObject = point.SyncObject
                    ?? throw new ArgumentException($"Point {acquired} is a default value, without a sync object.", nameof(points));
                syncObject.Acquire(file);
                handles[acquired] = syncObject.Handle;
                values[acquired] = point.Point;
                timeline |= point.Point != 0;
                acquired++;
            }

            uint flags = (uint)options | (all ? Drm.DRM_SYNCOBJ_WAIT_FLAGS_WAIT_ALL : 0);
            return timeline
                ? WaitTimeline(file, handles[..acquired], values, deadline, flags, all, out index)
                : WaitBinary(file, handles[..acquired], deadline, flags, all, out index);
        }
        finally
        {
            for (int i = 0; i < acquired; i++)
            {
                points[i].SyncObject!.Release();
            }

            file.Release();
            if (rentedHandles is not null)
            {
                ArrayPool<uint>.Shared.Return(rentedHandles);
                ArrayPool<ulong>.Shared.Return(rentedPoints!);
            }
        }
    }

    private static XeResult WaitBinary(DeviceFile file, ReadOnlySpan<uint> handles, long deadline, uint flags, bool all, out int index)
    {
        fixed (uint* handle = handles)
        {
            drm_syncobj_wait request = new()
            {
                handles = (ulong)handle,
                timeout_nsec = deadline,
                count_handles = (uint)handles.Length,
                flags = flags,
            };
            XeResult result = file.Ioctl(Drm.DRM_IOCTL_SYNCOBJ_WAIT, ref request);
            index = result.IsSuccess && !all ? (int)request.first_signaled : -1;
            return result;
        }
    }

    private static XeResult WaitTimeline(
        DeviceFile file, ReadOnlySpan<uint> handles, ReadOnlySpan<ulong> values, long deadline, uint flags, bool all, out int index)
    {
        fixed (uint* handle = handles)
        fixed (ulong* value = values)
        {
            drm_syncobj_timeline_wait request = new()
            {
                handles = (ulong)handle,
                points = (ulong)value,
                timeout_nsec = deadline,
                count_handles = (uint)handles.Length,
                flags = flags,
            };
            XeResult result = file.Ioctl(Drm.DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, ref request);
            index = result.IsSuccess && !all ? (int)request.first_signaled : -1;
            return result;
        }
    }
}
