using XeSvm.Interop.Uapi;

namespace XeSvm.Simulation.Driver.Ioctls;

/// <summary>What a call's sync entries are for; decides which types are allowed.</summary>
internal enum SyncPurpose
{
    Exec,
    Bind,
    EmptyBind,
}

/// <summary>The user fence of one call: a value for an address, once the work is done.</summary>
internal readonly record struct UserFence(bool IsPresent, ulong Address, ulong Value)
{
    /// <summary>
    /// Signals a bind fence, whose address is a CPU pointer. A failed copy is not an error (user_fence_worker only warns); waiters look
    /// again in any case.
    /// </summary>
    public unsafe void SignalFromCpu(SoftwareFile file)
    {
        if (!IsPresent)
        {
            return;
        }

        ulong value = Value;
        file.Client.Write(Address, &value, sizeof(ulong));
        file.Device.UserFences.Wake();
    }
}

/// <summary>Reads drm_xe_sync records (xe_sync_entry_parse). Syncobjs do not exist yet, so every handle is unknown.</summary>
internal static unsafe class SyncEntry
{
    /// <summary>Parses all entries of a call, in order; the first error ends it.</summary>
    public static int ParseAll(SoftwareFile file, Vm vm, ulong address, uint count, SyncPurpose purpose, out UserFence fence)
    {
        fence = default;
        int fences = 0;
        for (uint i = 0; i < count; i++)
        {
            drm_xe_sync sync;
            if (file.Client.Read(address + (i * (ulong)sizeof(drm_xe_sync)), &sync, (nuint)sizeof(drm_xe_sync)) < 0)
            {
                return -Errno.EFAULT;
            }

            int result = Parse(file, vm, sync, purpose, ref fence);
            if (result < 0)
            {
                return result;
            }

            fences += sync.type == DrmXe.DRM_XE_SYNC_TYPE_USER_FENCE ? 1 : 0;
        }

        // A second user fence fails a bind. An exec takes the last one: the kernel's check looks at a field that only binds set.
        return fences > 1 && purpose != SyncPurpose.Exec ? -Errno.EINVAL : 0;
    }

    private static int Parse(SoftwareFile file, Vm vm, in drm_xe_sync sync, SyncPurpose purpose, ref UserFence fence)
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
                return ParseSyncobj(vm, sync, signal);
            case DrmXe.DRM_XE_SYNC_TYPE_USER_FENCE:
                return ParseUserFence(file, sync, signal, purpose, ref fence);
            default:
                return -Errno.EINVAL;
        }
    }

    private static int ParseSyncobj(Vm vm, in drm_xe_sync sync, bool signal)
    {
        if (vm.IsLongRunning && signal)
        {
            return -Errno.EOPNOTSUPP;
        }

        bool timeline = sync.type == DrmXe.DRM_XE_SYNC_TYPE_TIMELINE_SYNCOBJ;
        return sync.addr >> 32 != 0 || (timeline && sync.timeline_value == 0) ? -Errno.EINVAL : -Errno.ENOENT;
    }

    private static int ParseUserFence(SoftwareFile file, in drm_xe_sync sync, bool signal, SyncPurpose purpose, ref UserFence fence)
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

        fence = new UserFence(true, sync.addr, sync.timeline_value);
        return 0;
    }
}
