using System.Diagnostics;

using XeSvm.Interop.LibC;
using XeSvm.Interop.Uapi;
using static XeSvm.Interop.Uapi.Drm;

namespace XeSvm.Simulation.Tests.Driver.Fences;

/// <summary>The syncobj ioctls as methods. Each returns what the ioctl returns.</summary>
internal static unsafe class SyncobjClient
{
    public const long Second = 1_000_000_000;

    /// <summary>A time on CLOCK_MONOTONIC that no test reaches.</summary>
    public static long Later => Stopwatch.GetTimestamp() + (120 * Second);

    public static uint CreateSyncobj(this DrmClient client, uint flags = 0)
    {
        var create = new drm_syncobj_create { flags = flags };
        Assert.Equal(0, client.Ioctl(DRM_IOCTL_SYNCOBJ_CREATE, ref create));
        return create.handle;
    }

    public static int DestroySyncobj(this DrmClient client, uint handle)
    {
        var destroy = new drm_syncobj_destroy { handle = handle };
        return client.Ioctl(DRM_IOCTL_SYNCOBJ_DESTROY, ref destroy);
    }

    public static int Reset(this DrmClient client, params ReadOnlySpan<uint> handles) => Array(client, DRM_IOCTL_SYNCOBJ_RESET, handles);

    public static int Signal(this DrmClient client, params ReadOnlySpan<uint> handles) => Array(client, DRM_IOCTL_SYNCOBJ_SIGNAL, handles);

    public static int SignalPoint(this DrmClient client, uint handle, ulong point)
    {
        var signal = new drm_syncobj_timeline_array { handles = (ulong)&handle, points = (ulong)&point, count_handles = 1 };
        return client.Ioctl(DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL, ref signal);
    }

    public static ulong QueryPoint(this DrmClient client, uint handle, uint flags = 0)
    {
        ulong point = ulong.MaxValue;
        var query = new drm_syncobj_timeline_array { handles = (ulong)&handle, points = (ulong)&point, count_handles = 1, flags = flags };
        Assert.Equal(0, client.Ioctl(DRM_IOCTL_SYNCOBJ_QUERY, ref query));
        return point;
    }

    /// <summary>Waits for binary syncobjs until a point of time; 0 only looks.</summary>
    public static int WaitFor(this DrmClient client, ReadOnlySpan<uint> handles, long until, uint flags, out uint first)
    {
        fixed (uint* list = handles)
        {
            var wait = new drm_syncobj_wait { handles = (ulong)list, count_handles = (uint)handles.Length, timeout_nsec = until, flags = flags };
            int result = client.Ioctl(DRM_IOCTL_SYNCOBJ_WAIT, ref wait);
            first = wait.first_signaled;
            return result;
        }
    }

    public static int WaitFor(this DrmClient client, uint handle, long until = 0, uint flags = 0) =>
        WaitFor(client, [handle], until, flags, out _);

    public static int WaitForPoints(
        this DrmClient client, ReadOnlySpan<uint> handles, ReadOnlySpan<ulong> points, long until, uint flags, out uint first)
    {
        fixed (uint* list = handles)
        fixed (ulong* pointList = points)
        {
            var wait = new drm_syncobj_timeline_wait
            {
                handles = (ulong)list,
                points = (ulong)pointList,
                count_handles = (uint)handles.Length,
                timeout_nsec = until,
                flags = flags,
            };
            int result = client.Ioctl(DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, ref wait);
            first = wait.first_signaled;
            return result;
        }
    }

    public static int WaitForPoint(this DrmClient client, uint handle, ulong point, long until = 0, uint flags = 0) =>
        WaitForPoints(client, [handle], [point], until, flags, out _);

    public static int Transfer(
        this DrmClient client, uint source, ulong sourcePoint, uint destination, ulong destinationPoint, uint flags = 0, uint pad = 0)
    {
        var transfer = new drm_syncobj_transfer
        {
            src_handle = source,
            src_point = sourcePoint,
            dst_handle = destination,
            dst_point = destinationPoint,
            flags = flags,
            pad = pad,
        };
        return client.Ioctl(DRM_IOCTL_SYNCOBJ_TRANSFER, ref transfer);
    }

    public static int Export(this DrmClient client, uint handle, out int descriptor, uint flags = 0, ulong point = 0, uint pad = 0)
    {
        var export = new drm_syncobj_handle { handle = handle, flags = flags, fd = -1, point = point, pad = pad };
        int result = client.Ioctl(DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, ref export);
        descriptor = export.fd;
        return result;
    }

    public static int Import(this DrmClient client, int descriptor, ref uint handle, uint flags = 0, ulong point = 0, uint pad = 0)
    {
        var import = new drm_syncobj_handle { handle = handle, flags = flags, fd = descriptor, point = point, pad = pad };
        int result = client.Ioctl(DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, ref import);
        handle = import.handle;
        return result;
    }

    public static int SetEventFd(this DrmClient client, uint handle, int descriptor, ulong point = 0, uint flags = 0, uint pad = 0)
    {
        var eventFd = new drm_syncobj_eventfd { handle = handle, flags = flags, point = point, fd = descriptor, pad = pad };
        return client.Ioctl(DRM_IOCTL_SYNCOBJ_EVENTFD, ref eventFd);
    }

    /// <summary>Takes over a descriptor that an export has given, as a program would that closes it later.</summary>
    public static FileDescriptorHandle Own(int descriptor) => new(descriptor);

    public static int NumberOf(FileDescriptorHandle file) => (int)file.DangerousGetHandle();

    /// <summary>Whether a descriptor is readable before long.</summary>
    public static bool BecomesReadable(FileDescriptorHandle file) =>
        SpinWait.SpinUntil(() => SystemCalls.IsReadable(file), TimeSpan.FromMinutes(2));

    private static int Array(DrmClient client, uint request, ReadOnlySpan<uint> handles)
    {
        fixed (uint* list = handles)
        {
            var array = new drm_syncobj_array { handles = (ulong)list, count_handles = (uint)handles.Length };
            return client.Ioctl(request, ref array);
        }
    }
}
