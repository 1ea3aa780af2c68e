namespace XeSvm;

/// <summary>Something to wait for: the fence of a binary sync object, or a point of a timeline.</summary>
public readonly record struct SyncPoint
{
    /// <summary>Makes a point.</summary>
    /// <param name="syncObject">The sync object.</param>
    /// <param name="point">The point of its timeline; 0 for the one fence of a binary sync object.</param>
    public SyncPoint(SyncObject syncObject, ulong point = 0)
    {
        ArgumentNullException.ThrowIfNull(syncObject);
        SyncObject = syncObject;
        Point = point;
    }

    /// <summary>The sync object; <see langword="null"/> in a default value, which cannot be waited for.</summary>
    public SyncObject? SyncObject { get; }

    /// <summary>The point of its timeline; 0 for the one fence of a binary sync object.</summary>
    public ulong Point { get; }

    /// <summary>Handle and point, such as <c>syncobj 3 point 17</c>.</summary>
    public override string ToString() => SyncObject is null ? "no syncobj"
        : Point == 0 ? $"syncobj {SyncObject.Handle}" : $"syncobj {SyncObject.Handle} point {Point}";
}
