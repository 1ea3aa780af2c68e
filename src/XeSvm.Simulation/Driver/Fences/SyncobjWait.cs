using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Gpu;

namespace XeSvm.Simulation.Driver.Fences;

/// <summary>
/// Waits for syncobjs (drm_syncobj_array_wait_timeout). One for each thread that waits, used again by its next wait, so that waiting
/// allocates nothing.
/// </summary>
internal sealed class SyncobjWait
{
    [ThreadStatic]
    private static SyncobjWait? t_ofThread;

    private readonly EventCount _event = new();
    private readonly List<Entry> _entries = [];
    private readonly List<FenceWaker> _wakers = [];
    private int _wakersInUse;

    /// <summary>The calling thread's.</summary>
    public static SyncobjWait OfThread => t_ofThread ??= new SyncobjWait();

    /// <summary>Waits until one syncobj, or with WAIT_ALL every one, is signalled at its point.</summary>
    /// <param name="file">Closing it ends the wait.</param>
    /// <param name="syncobjs">What to wait for.</param>
    /// <param name="points">One point for each; 0 for whatever is there.</param>
    /// <param name="flags">DRM_SYNCOBJ_WAIT_FLAGS_*.</param>
    /// <param name="deadline">A time stamp of CLOCK_MONOTONIC; 0 and what is past only look.</param>
    /// <param name="first">The first that is signalled.</param>
    /// <returns>0; -EINVAL when a fence is missing and was not to be waited for; -ETIME; -EINTR when the file is being closed.</returns>
    public int Run(
        SoftwareFile file, ReadOnlySpan<Syncobj> syncobjs, ReadOnlySpan<ulong> points, uint flags, long deadline, out uint first)
    {
        first = uint.MaxValue;
        bool forSubmit = (flags & (Drm.DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT | Drm.DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE)) != 0;
        if (!TryPrepare(syncobjs, points, forSubmit))
        {
            return -Errno.EINVAL;
        }

        try
        {
            bool available = (flags & Drm.DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE) != 0;
            int needed = (flags & Drm.DRM_SYNCOBJ_WAIT_FLAGS_WAIT_ALL) != 0 ? syncobjs.Length : 1;
            return CountDone(syncobjs.Length, available, ref first) >= needed
                ? 0
                : Block(file, syncobjs, available, needed, deadline, ref first);
        }
        finally
        {
            CleanUp(syncobjs.Length);
        }
    }

    /// <summary>Takes the fences that are there; false when one is missing that has to be there.</summary>
    private bool TryPrepare(ReadOnlySpan<Syncobj> syncobjs, ReadOnlySpan<ulong> points, bool forSubmit)
    {
        while (_entries.Count < syncobjs.Length)
        {
            // A waker with each, so that it does not depend on chance when the thread has all that it needs.
            _entries.Add(new Entry(_event));
            _wakers.Add(new FenceWaker(_event));
        }

        bool complete = true;
        for (int i = 0; i < syncobjs.Length; i++)
        {
            Entry entry = _entries[i];
            entry.Point = points[i];
            entry.HasFence = syncobjs[i].Find(points[i], entry.Fences) != SyncobjPoint.Missing;
            complete &= entry.HasFence;
        }

        if (!complete && !forSubmit)
        {
            CleanUp(syncobjs.Length);
            return false;
        }

        return true;
    }

    private int Block(
        SoftwareFile file, ReadOnlySpan<Syncobj> syncobjs, bool available, int needed, long deadline, ref uint first)
    {
        for (int i = 0; i < syncobjs.Length; i++)
        {
            if (!_entries[i].HasFence)
            {
                _entries[i].IsObserver = true;
                syncobjs[i].AddObserver(_entries[i]);
            }
        }

        file.BlockedCalls.Add(_event);
        try
        {
            bool expired = false;
            while (true)
            {
                long generation = _event.Generation;
                Arm(syncobjs.Length, available);
                if (CountDone(syncobjs.Length, available, ref first) >= needed)
                {
                    return 0;
                }

                if (expired)
                {
                    return -Errno.ETIME;
                }

                if (file.IsClosing)
                {
                    return -Errno.EINTR;
                }

                expired = !_event.Wait(generation, deadline);
            }
        }
        finally
        {
            file.BlockedCalls.Remove(_event);
            for (int i = 0; i < syncobjs.Length; i++)
            {
                if (_entries[i].IsObserver)
                {
                    syncobjs[i].RemoveObserver(_entries[i]);
                }
            }
        }
    }

    /// <summary>Has every fence that has appeared wake this wait.</summary>
    private void Arm(int count, bool available)
    {
        for (int i = 0; i < count && !available; i++)
        {
            Entry entry = _entries[i];
            if (!entry.HasFence || entry.IsArmed)
            {
                continue;
            }

            entry.IsArmed = true;
            foreach (DmaFence fence in entry.Fences)
            {
                if (_wakersInUse == _wakers.Count)
                {
                    _wakers.Add(new FenceWaker(_event));
                }

                _wakersInUse += _wakers[_wakersInUse].TryAdd(fence) ? 1 : 0;
            }
        }
    }

    private int CountDone(int count, bool available, ref uint first)
    {
        int done = 0;
        for (int i = 0; i < count; i++)
        {
            if (_entries[i].IsDone(available))
            {
                first = done == 0 ? (uint)i : first;
                done++;
            }
        }

        return done;
    }

    private void CleanUp(int count)
    {
        for (int i = 0; i < _wakersInUse; i++)
        {
            _wakers[i].Cancel();
        }

        _wakersInUse = 0;
        for (int i = 0; i < count; i++)
        {
            _entries[i].Reset();
        }
    }

    private sealed class Entry(EventCount waiters) : SyncobjObserver
    {
        private volatile bool _hasFence;

        /// <summary>The fences are there. Written once by whoever submits.</summary>
        public bool HasFence
        {
            get => _hasFence;
            set => _hasFence = value;
        }

        public bool IsObserver { get; set; }

        public bool IsArmed { get; set; }

        public override void OnFence()
        {
            _hasFence = true;
            waiters.Wake();
        }

        public override void OnAbandoned()
        {
        }

        public bool IsDone(bool available)
        {
            if (!_hasFence || available)
            {
                return _hasFence;
            }

            foreach (DmaFence fence in Fences)
            {
                if (!fence.IsSignaled)
                {
                    return false;
                }
            }

            return true;
        }

        public void Reset()
        {
            _hasFence = false;
            IsObserver = false;
            IsArmed = false;
            Fences.Clear();
        }
    }
}
