using XeSvm.Simulation.Peers.Locks;

namespace XeSvm.Simulation.Peers.Machine;

/// <summary>Memory of a client that lies in system memory or, as a whole, in one device's VRAM.</summary>
internal sealed class PeerAllocation(ulong size, ulong physical, LockChecker locks)
{
    private readonly Lock _lock = new();
    private readonly List<PeerSvmPages> _mappers = [];
    private long _sequence;

    /// <summary>Bytes.</summary>
    public ulong Size { get; } = size;

    /// <summary>The pages' locks: one migration at a time. Two devices that want the same pages wait for each other here.</summary>
    public CheckedLock Pages { get; } = new(locks, LockClass.Pages, "the allocation's pages");

    /// <summary>The VRAM that holds it; null while it is in system memory. Changes under <see cref="Pages"/>.</summary>
    public PeerBuffer? Buffer { get; set; }

    /// <summary>Its first physical address while it is in system memory.</summary>
    public ulong Physical { get; set; } = physical;

    /// <summary>Changes whenever the pages move; odd while they do (the sequence of mmu_interval_read_begin).</summary>
    public long Sequence => Volatile.Read(ref _sequence);

    /// <summary>Makes a device's view of the pages hear of invalidations.</summary>
    public void Register(PeerSvmPages mapper)
    {
        lock (_lock)
        {
            _mappers.Add(mapper);
        }
    }

    /// <summary>Undoes <see cref="Register"/>.</summary>
    public void Unregister(PeerSvmPages mapper)
    {
        lock (_lock)
        {
            _mappers.Remove(mapper);
        }
    }

    /// <summary>The notifier: no device reaches the pages through an address when this returns, nor gets one before <see cref="EndMove"/>.</summary>
    public void BeginMove(ref PeerWork work)
    {
        Interlocked.Increment(ref _sequence);
        PeerSvmPages[] mappers;
        lock (_lock)
        {
            mappers = [.. _mappers];
        }

        foreach (PeerSvmPages mapper in mappers)
        {
            mapper.Invalidate(ref work);
        }
    }

    /// <summary>The pages are where <see cref="Buffer"/> says.</summary>
    public void EndMove() => Interlocked.Increment(ref _sequence);

    /// <summary>Waits until the pages do not move.</summary>
    public void AwaitMove()
    {
        using CheckedLock.Scope pages = Pages.Take();
    }
}
