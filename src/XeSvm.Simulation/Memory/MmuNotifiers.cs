namespace XeSvm.Simulation.Memory;

/// <summary>Why a part of a client's address space is invalidated.</summary>
internal enum MmuEvent
{
    /// <summary>The pages move or their protection changes; the mapping stays.</summary>
    Migrate,

    /// <summary>The client removed the mapping (MMU_NOTIFY_UNMAP: munmap, mremap, exit).</summary>
    Unmap,

    /// <summary>The client dropped the content of the pages (MMU_NOTIFY_CLEAR: MADV_DONTNEED, MADV_FREE, MADV_REMOVE); the mapping stays.</summary>
    Clear,
}

/// <summary>Something that mirrors a client's address space and must drop what it knows before pages change.</summary>
internal interface IMmuNotifier
{
    /// <summary>Waits for work that must end before the client's mapping changes. On a thread of the client, and with no lock held.</summary>
    void Quiesce(ulong start, ulong end)
    {
    }

    /// <summary>After this returns, no device access uses the old state of <c>[start, end)</c>.</summary>
    void Invalidate(ulong start, ulong end, MmuEvent reason);
}

/// <summary>The mirrors of one client's address space (mmu_notifier).</summary>
internal sealed class MmuNotifiers
{
    private readonly Lock _lock = new();
    private IMmuNotifier[] _subscribers = [];

    /// <summary>Whether nothing mirrors the address space at the moment.</summary>
    public bool IsEmpty => Volatile.Read(ref _subscribers).Length == 0;

    public void Register(IMmuNotifier notifier)
    {
        lock (_lock)
        {
            _subscribers = [.. _subscribers, notifier];
        }
    }

    public void Unregister(IMmuNotifier notifier)
    {
        lock (_lock)
        {
            _subscribers = Array.FindAll(_subscribers, s => !ReferenceEquals(s, notifier));
        }
    }

    /// <summary>Waits for work on a range that every mirror has.</summary>
    public void Quiesce(ulong start, ulong end)
    {
        foreach (IMmuNotifier subscriber in Volatile.Read(ref _subscribers))
        {
            subscriber.Quiesce(start, end);
        }
    }

    /// <summary>Invalidates every mirror, one after the other.</summary>
    public void Invalidate(ulong start, ulong end, MmuEvent reason)
    {
        foreach (IMmuNotifier subscriber in Volatile.Read(ref _subscribers))
        {
            subscriber.Invalidate(start, end, reason);
        }
    }
}
