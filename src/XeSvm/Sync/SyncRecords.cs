using System.Buffers;
using XeSvm.Interop.Uapi;

namespace XeSvm;

/// <summary>The sync records of one request, on the stack or, when there are many, in a pooled array.</summary>
internal ref struct SyncRecords
{
    /// <summary>How many records the caller should have on its stack.</summary>
    internal const int OnStack = 8;

    private readonly drm_xe_sync[]? _rented;
    private readonly Span<drm_xe_sync> _records;
    private int _count;
    private int _acquired;

    /// <summary>Takes room for records.</summary>
    internal SyncRecords(int capacity, Span<drm_xe_sync> stack)
    {
        _rented = capacity <= stack.Length ? null : ArrayPool<drm_xe_sync>.Shared.Rent(capacity);
        _records = _rented ?? stack;
    }

    /// <summary>The records so far.</summary>
    internal readonly ReadOnlySpan<drm_xe_sync> Records => _records[.._count];

    /// <summary>Adds the program's syncs and keeps what they name until <see cref="Release"/>.</summary>
    internal void Acquire(DeviceFile file, ReadOnlySpan<XeSync> syncs)
    {
        foreach (ref readonly XeSync sync in syncs)
        {
            _records[_count++] = sync.Acquire(file);
            _acquired++;
        }
    }

    /// <summary>Adds a record of the library's own; a signal always is one, so that a default record is none.</summary>
    internal void Add(in drm_xe_sync record)
    {
        if (record.flags != 0)
        {
            _records[_count++] = record;
        }
    }

    /// <summary>Ends what <see cref="Acquire"/> began, as far as it came.</summary>
    internal readonly void Release(ReadOnlySpan<XeSync> syncs, bool submitted)
    {
        for (int index = 0; index < _acquired; index++)
        {
            syncs[index].Release(submitted);
        }
    }

    /// <summary>Gives a pooled array back.</summary>
    public readonly void Dispose()
    {
        if (_rented is not null)
        {
            ArrayPool<drm_xe_sync>.Shared.Return(_rented);
        }
    }
}
