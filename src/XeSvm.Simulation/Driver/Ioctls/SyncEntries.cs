using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Driver.Fences;
using XeSvm.Simulation.Gpu;
using XeSvm.Simulation.Memory;

namespace XeSvm.Simulation.Driver.Ioctls;

/// <summary>What a call's sync entries are for; decides which types are allowed.</summary>
internal enum SyncPurpose
{
    Exec,
    Bind,
    EmptyBind,
}

/// <summary>The user fence of one call: a value for an address, once the work is done. A bind's is in the memory of whoever made the call.</summary>
internal readonly record struct UserFence(bool IsPresent, ulong Address, ulong Value, ClientMemory? Submitter)
{
    /// <summary>
    /// Writes a bind fence, whose address is a CPU pointer, and wakes the waiters. A failed copy is not an error (user_fence_worker only
    /// warns); waiters look again in any case.
    /// </summary>
    public unsafe void SignalFromCpu(Vm vm)
    {
        if (!IsPresent)
        {
            return;
        }

        ulong value = Value;
        Submitter!.Write(Address, &value, sizeof(ulong));
        vm.Device.UserFences.Wake();
    }
}

/// <summary>
/// The sync entries of one call (xe_sync_entry_parse): what is to be waited for, and what is to be signalled. One for each thread that makes
/// calls, used again by its next call, so that calls allocate nothing.
/// </summary>
internal sealed unsafe class SyncEntries : IJobFenceTaker
{
    private const int UsualSyncs = 8;

    [ThreadStatic]
    private static SyncEntries? t_ofThread;

    private readonly List<(Syncobj Syncobj, ulong Point)> _signals = new(UsualSyncs);

    /// <summary>The calling thread's. To be cleared after use.</summary>
    public static SyncEntries OfThread => t_ofThread ??= new SyncEntries();

    /// <summary>What is not signalled yet of the fences to wait for.</summary>
    public List<DmaFence> Waits { get; } = new(UsualSyncs);

    /// <summary>Whether an entry to wait for has a fence, signalled or not; a timeline that is past its point has none.</summary>
    public bool CarriesFence { get; private set; }

    /// <summary>The user fence, if there is one.</summary>
    public UserFence UserFence { get; private set; }

    /// <summary>Parses all entries of a call, in order; the first error ends it.</summary>
    public int Parse(SoftwareFile file, Vm vm, ulong address, uint count, SyncPurpose purpose)
    {
        int fences = 0;
        for (uint i = 0; i < count; i++)
        {
            drm_xe_sync sync;
            if (file.Client.Read(address + (i * (ulong)sizeof(drm_xe_sync)), &sync, (nuint)sizeof(drm_xe_sync)) < 0)
            {
                return -Errno.EFAULT;
            }

            int result = ParseOne(file, vm, sync, purpose);
            if (result < 0)
            {
                return result;
            }

            fences += sync.type == DrmXe.DRM_XE_SYNC_TYPE_USER_FENCE ? 1 : 0;
        }

        // A second user fence fails a bind. An exec takes the last one: the kernel's check looks at a field that only binds set.
        return fences > 1 && purpose != SyncPurpose.Exec ? -Errno.EINVAL : 0;
    }

    /// <inheritdoc/>
    void IJobFenceTaker.Take(in DmaFence fence) => SignalWith(fence);

    /// <summary>Puts the fence of the call's work into every syncobj that it signals (xe_sync_entry_signal).</summary>
    public void SignalWith(in DmaFence fence)
    {
        foreach ((Syncobj syncobj, ulong point) in _signals)
        {
            if (point == 0)
            {
                syncobj.Replace(fence);
            }
            else
            {
                syncobj.AddPoint(fence, point);
            }
        }
    }

    /// <summary>Lets go of everything.</summary>
    public void Clear()
    {
        foreach ((Syncobj syncobj, _) in _signals)
        {
            syncobj.Release();
        }

        _signals.Clear();
        Waits.Clear();
        CarriesFence = false;
        UserFence = default;
    }

    private int ParseOne(SoftwareFile file, Vm vm, in drm_xe_sync sync, SyncPurpose purpose)
    {
        bool signal = (sync.flags & DrmXe.DRM_XE_SYNC_FLAG_SIGNAL) != 0;
        if ((sync.flags & ~(uint)DrmXe.DRM_XE_SYNC_FLAG_SIGNAL) != 0 || !UapiChecks.AreZero(sync.reserved))
        {
            return -Errno.EINVAL;
        }

        switch (sync.type)
        {
            case DrmXe.DRM_XE_SYNC_TYPE_SYNCOBJ:
            case DrmXe.DRM_XE_SYNC_TYPE_TIMELINE_SYNCOBJ:
                return ParseSyncobj(file, vm, sync, signal);
            case DrmXe.DRM_XE_SYNC_TYPE_USER_FENCE:
                return ParseUserFence(file, sync, signal, purpose);
            default:
                return -Errno.EINVAL;
        }
    }

    private int ParseSyncobj(SoftwareFile file, Vm vm, in drm_xe_sync sync, bool signal)
    {
        if (vm.IsLongRunning && signal)
        {
            return -Errno.EOPNOTSUPP;
        }

        bool timeline = sync.type == DrmXe.DRM_XE_SYNC_TYPE_TIMELINE_SYNCOBJ;
        if (sync.addr >> 32 != 0 || (timeline && sync.timeline_value == 0))
        {
            return -Errno.EINVAL;
        }

        if (!file.TryGetSyncobj(sync.handle, out Syncobj? syncobj))
        {
            return -Errno.ENOENT;
        }

        ulong point = timeline ? sync.timeline_value : 0;
        if (signal)
        {
            _signals.Add((syncobj, point));
            return 0;
        }

        SyncobjPoint found = syncobj.Find(point, Waits);
        CarriesFence |= found == SyncobjPoint.Present;
        syncobj.Release();
        return found == SyncobjPoint.Missing ? -Errno.EINVAL : 0;
    }

    private int ParseUserFence(SoftwareFile file, in drm_xe_sync sync, bool signal, SyncPurpose purpose)
    {
        if (purpose == SyncPurpose.EmptyBind || !signal)
        {
            return -Errno.EOPNOTSUPP;
        }

        if ((sync.addr & 7) != 0)
        {
            return -Errno.EINVAL;
        }

        // An exec fence is a GPU address, which only the GPU can judge; a bind fence is a CPU pointer and is probed.
        ulong probe;
        if (purpose == SyncPurpose.Bind && file.Client.Read(sync.addr, &probe, sizeof(ulong)) < 0)
        {
            return -Errno.EFAULT;
        }

        UserFence = new UserFence(true, sync.addr, sync.timeline_value, file.Client);
        return 0;
    }
}
