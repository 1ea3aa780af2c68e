using XeSvm.Interop.Uapi;

namespace XeSvm;

/// <summary>Something that a batch or a bind waits for before it begins, or signals when it has ended.</summary>
public readonly record struct XeSync
{
    private XeSync(uint type, uint flags, SyncObject? syncObject, XeUserFence? userFence, ulong value)
    {
        Type = type;
        Flags = flags;
        SyncObject = syncObject;
        UserFence = userFence;
        Value = value;
    }

    /// <summary>Whether it is signalled; otherwise it is waited for.</summary>
    public bool IsSignal => (Flags & DrmXe.DRM_XE_SYNC_FLAG_SIGNAL) != 0;

    /// <summary>The sync object, if it is one.</summary>
    public SyncObject? SyncObject { get; }

    /// <summary>The user fence, if it is one.</summary>
    public XeUserFence? UserFence { get; }

    /// <summary>The point of a timeline or the value of a user fence; 0 for a binary sync object.</summary>
    public ulong Value { get; }

    private uint Type { get; }

    private uint Flags { get; }

    /// <summary>Waits for the fence that is in a sync object now; EINVAL when there is none.</summary>
    /// <param name="syncObject">The sync object, of the same open device.</param>
    public static XeSync Wait(SyncObject syncObject) => Of(syncObject, point: 0, flags: 0);

    /// <summary>Waits for a point of a timeline; EINVAL when it was not submitted yet.</summary>
    /// <param name="syncObject">The sync object, of the same open device.</param>
    /// <param name="point">The point, above 0.</param>
    public static XeSync Wait(SyncObject syncObject, ulong point) => Of(syncObject, AboveZero(point), flags: 0);

    /// <summary>Signals a sync object. Long-running VMs refuse it (EOPNOTSUPP).</summary>
    /// <param name="syncObject">The sync object, of the same open device.</param>
    public static XeSync Signal(SyncObject syncObject) => Of(syncObject, point: 0, DrmXe.DRM_XE_SYNC_FLAG_SIGNAL);

    /// <summary>Signals a point of a timeline. Long-running VMs refuse it (EOPNOTSUPP).</summary>
    /// <param name="syncObject">The sync object, of the same open device.</param>
    /// <param name="point">The point, above 0 and above all points so far.</param>
    public static XeSync Signal(SyncObject syncObject, ulong point) =>
        Of(syncObject, AboveZero(point), DrmXe.DRM_XE_SYNC_FLAG_SIGNAL);

    /// <summary>Raises a user fence: for binds, at most one for each request.</summary>
    /// <param name="userFence">The fence.</param>
    /// <param name="value">The value, above those before.</param>
    public static XeSync Signal(XeUserFence userFence, ulong value)
    {
        ArgumentNullException.ThrowIfNull(userFence);
        return new XeSync(DrmXe.DRM_XE_SYNC_TYPE_USER_FENCE, DrmXe.DRM_XE_SYNC_FLAG_SIGNAL, null, userFence, value);
    }

    /// <summary>What is signalled or waited for, such as <c>signal syncobj 3 point 17</c>.</summary>
    public override string ToString() =>
        (IsSignal ? "signal " : "wait for ") +
        (SyncObject is { } syncObject ? new SyncPoint(syncObject, Value).ToString() : $"user fence to {Value}");

    /// <summary>Keeps what the record names until <see cref="Release"/>, and writes the driver's record.</summary>
    internal drm_xe_sync Acquire(DeviceFile file)
    {
        drm_xe_sync record = new() { type = Type, flags = Flags, timeline_value = Value };
        if (SyncObject is { } syncObject)
        {
            syncObject.Acquire(file);
            record.handle = syncObject.Handle;
        }
        else if (UserFence is { } userFence)
        {
            userFence.BeginUse();
            record.addr = userFence.Address;
        }
        else
        {
            throw new ArgumentException("A sync is a default value: make it with XeSync.Wait or XeSync.Signal.");
        }

        return record;
    }

    /// <summary>Ends what <see cref="Acquire"/> began.</summary>
    internal void Release(bool submitted)
    {
        SyncObject?.Release();
        UserFence?.EndUse(Value, submitted);
    }

    private static XeSync Of(SyncObject syncObject, ulong point, uint flags)
    {
        ArgumentNullException.ThrowIfNull(syncObject);
        uint type = point == 0 ? DrmXe.DRM_XE_SYNC_TYPE_SYNCOBJ : DrmXe.DRM_XE_SYNC_TYPE_TIMELINE_SYNCOBJ;
        return new XeSync(type, flags, syncObject, null, point);
    }

    private static ulong AboveZero(ulong point)
    {
        ArgumentOutOfRangeException.ThrowIfZero(point);
        return point;
    }
}
