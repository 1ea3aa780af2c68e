using Microsoft.Win32.SafeHandles;
using XeSvm.Interop;
using XeSvm.Interop.Native;
using XeSvm.Interop.Uapi;

namespace XeSvm.Tests.Doubles;

/// <summary>
/// Syncobjs as drm_syncobj.c has them, so far as the object layer can tell: binary fences and timelines, blocking waits, descriptors.
/// Descriptors are real ones, of /dev/null, and are known by their numbers.
/// </summary>
internal sealed unsafe class ScriptedSyncObjects
{
    private readonly object _gate = new();
    private readonly Dictionary<uint, Timeline> _objects = [];
    private readonly Dictionary<int, (Timeline Timeline, bool IsSyncFile)> _descriptors = [];
    private uint _next = 1;

    /// <summary>Handles that were made and not destroyed.</summary>
    public int Live
    {
        get
        {
            lock (_gate)
            {
                return _objects.Count;
            }
        }
    }

    /// <summary>How many waits sleep now.</summary>
    public int Sleeping { get; private set; }

    /// <summary>Handles a request, or says that it is none of these.</summary>
    public int? Ioctl(uint request, void* argument)
    {
        lock (_gate)
        {
            return request switch
            {
                Drm.DRM_IOCTL_SYNCOBJ_CREATE => Create((drm_syncobj_create*)argument),
                Drm.DRM_IOCTL_SYNCOBJ_DESTROY => _objects.Remove(((drm_syncobj_destroy*)argument)->handle) ? 0 : -Errno.EINVAL,
                Drm.DRM_IOCTL_SYNCOBJ_SIGNAL => ForAll((drm_syncobj_array*)argument, item => item.Set(0, signaled: true)),
                Drm.DRM_IOCTL_SYNCOBJ_RESET => ForAll((drm_syncobj_array*)argument, item => item.Reset()),
                Drm.DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL => SignalTimeline((drm_syncobj_timeline_array*)argument),
                Drm.DRM_IOCTL_SYNCOBJ_QUERY => Query((drm_syncobj_timeline_array*)argument),
                Drm.DRM_IOCTL_SYNCOBJ_TRANSFER => Transfer((drm_syncobj_transfer*)argument),
                Drm.DRM_IOCTL_SYNCOBJ_WAIT => WaitBinary((drm_syncobj_wait*)argument),
                Drm.DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT => WaitTimeline((drm_syncobj_timeline_wait*)argument),
                Drm.DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD => Export((drm_syncobj_handle*)argument),
                Drm.DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE => Import((drm_syncobj_handle*)argument),
                Drm.DRM_IOCTL_SYNCOBJ_EVENTFD => _objects.ContainsKey(((drm_syncobj_eventfd*)argument)->handle) ? 0 : -Errno.ENOENT,
                _ => null,
            };
        }
    }

    /// <summary>A fence without a signal yet, as submitted work leaves it; or its end.</summary>
    public void Submit(uint handle, ulong point, bool signaled)
    {
        lock (_gate)
        {
            _objects[handle].Set(point, signaled);
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>What a sync record to wait for answers, without blocking.</summary>
    public int CheckWait(uint handle, ulong point)
    {
        lock (_gate)
        {
            return !_objects.TryGetValue(handle, out Timeline? item) ? -Errno.ENOENT : item.IsSubmitted(point) ? 0 : -Errno.EINVAL;
        }
    }

    private int Create(drm_syncobj_create* request)
    {
        Timeline item = new();
        if ((request->flags & Drm.DRM_SYNCOBJ_CREATE_SIGNALED) != 0)
        {
            item.Set(0, signaled: true);
        }

        request->handle = Add(item);
        return 0;
    }

    private uint Add(Timeline item)
    {
        _objects.Add(_next, item);
        return _next++;
    }

    private int ForAll(drm_syncobj_array* request, Action<Timeline> action)
    {
        uint* handles = (uint*)request->handles;
        for (uint index = 0; index < request->count_handles; index++)
        {
            if (!_objects.TryGetValue(handles[index], out Timeline? item))
            {
                return -Errno.ENOENT;
            }

            action(item);
        }

        Monitor.PulseAll(_gate);
        return 0;
    }

    private int SignalTimeline(drm_syncobj_timeline_array* request)
    {
        _objects[*(uint*)request->handles].Set(*(ulong*)request->points, signaled: true);
        Monitor.PulseAll(_gate);
        return 0;
    }

    private int Query(drm_syncobj_timeline_array* request)
    {
        Timeline item = _objects[*(uint*)request->handles];
        *(ulong*)request->points = (request->flags & Drm.DRM_SYNCOBJ_QUERY_FLAGS_LAST_SUBMITTED) != 0 ? item.LastSubmitted : item.LastSignaled;
        return 0;
    }

    private int Transfer(drm_syncobj_transfer* request)
    {
        Timeline source = _objects[request->src_handle];
        if (!source.IsSubmitted(request->src_point))
        {
            return -Errno.EINVAL;
        }

        _objects[request->dst_handle].Set(request->dst_point, source.IsSignaled(request->src_point));
        Monitor.PulseAll(_gate);
        return 0;
    }

    private int WaitBinary(drm_syncobj_wait* request)
    {
        if ((request->flags & Drm.DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE) != 0)
        {
            return -Errno.EINVAL;
        }

        int result = Wait((uint*)request->handles, null, request->count_handles, request->timeout_nsec, request->flags, out uint first);
        request->first_signaled = first;
        return result;
    }

    private int WaitTimeline(drm_syncobj_timeline_wait* request)
    {
        int result = Wait(
            (uint*)request->handles, (ulong*)request->points, request->count_handles, request->timeout_nsec, request->flags, out uint first);
        request->first_signaled = first;
        return result;
    }

    private int Wait(uint* handles, ulong* points, uint count, long deadline, uint flags, out uint first)
    {
        first = uint.MaxValue;
        bool submit = (flags & (Drm.DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT | Drm.DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE)) != 0;
        bool available = (flags & Drm.DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE) != 0;
        bool all = (flags & Drm.DRM_SYNCOBJ_WAIT_FLAGS_WAIT_ALL) != 0;
        for (uint index = 0; index < count; index++)
        {
            if (!_objects.TryGetValue(handles[index], out Timeline? item))
            {
                return -Errno.ENOENT;
            }

            if (!submit && !item.IsSubmitted(points is null ? 0 : points[index]))
            {
                return -Errno.EINVAL;
            }
        }

        while (true)
        {
            int done = 0;
            for (uint index = 0; index < count; index++)
            {
                ulong point = points is null ? 0 : points[index];
                Timeline item = Known(handles[index]);
                if (available ? item.IsSubmitted(point) : item.IsSignaled(point))
                {
                    first = Math.Min(first, index);
                    done++;
                }
            }

            if (all ? done == count : done > 0)
            {
                return 0;
            }

            long left = deadline == long.MaxValue ? long.MaxValue : deadline - NativeMethods.xesvm_clock_monotonic_ns();
            if (left <= 0)
            {
                return -Errno.ETIME;
            }

            Sleeping++;
            Monitor.Wait(_gate, left > 1_000_000_000_000 ? Timeout.Infinite : (int)(left / 1_000_000) + 1);
            Sleeping--;
        }
    }

    // A wait that sleeps keeps the syncobj although its handle may be destroyed meanwhile; the library must not let that happen.
    private Timeline Known(uint handle) => _objects[handle];

    private int Export(drm_syncobj_handle* request)
    {
        if (!_objects.TryGetValue(request->handle, out Timeline? item))
        {
            return -Errno.EINVAL;
        }

        bool syncFile = (request->flags & Drm.DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE) != 0;
        if (syncFile && !item.IsSubmitted(request->point))
        {
            return -Errno.EINVAL;
        }

        using SafeFileHandle file = File.OpenHandle("/dev/null");
        request->fd = (int)file.DangerousGetHandle();
        file.SetHandleAsInvalid();
        _descriptors[request->fd] = (syncFile ? item.Copy(request->point) : item, syncFile);
        return 0;
    }

    private int Import(drm_syncobj_handle* request)
    {
        bool syncFile = (request->flags & Drm.DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_IMPORT_SYNC_FILE) != 0;
        if (!_descriptors.TryGetValue(request->fd, out (Timeline Timeline, bool IsSyncFile) found) || found.IsSyncFile != syncFile)
        {
            return -Errno.EINVAL;
        }

        if (syncFile)
        {
            _objects[request->handle].Set(request->point, found.Timeline.IsSignaled(0));
            Monitor.PulseAll(_gate);
        }
        else
        {
            request->handle = Add(found.Timeline);
        }

        return 0;
    }

    /// <summary>The fence of a binary syncobj is its point 0.</summary>
    private sealed class Timeline
    {
        private bool _hasFence;
        private bool _fenceSignaled;

        public ulong LastSubmitted { get; private set; }

        public ulong LastSignaled { get; private set; }

        public bool IsSubmitted(ulong point) => point == 0 ? _hasFence : point <= LastSubmitted;

        public bool IsSignaled(ulong point) => point == 0 ? _hasFence && _fenceSignaled : point <= LastSignaled;

        public void Set(ulong point, bool signaled)
        {
            _hasFence = true;
            _fenceSignaled = signaled;
            LastSubmitted = Math.Max(LastSubmitted, point);
            LastSignaled = signaled ? Math.Max(LastSignaled, point) : LastSignaled;
        }

        public void Reset() => (_hasFence, _fenceSignaled, LastSubmitted, LastSignaled) = (false, false, 0, 0);

        public Timeline Copy(ulong point)
        {
            Timeline copy = new();
            copy.Set(0, IsSignaled(point));
            return copy;
        }
    }
}
