namespace XeSvm.Simulation.Iommu;

/// <summary>What a domain knows of one live IOVA reservation of the link API; the owner of the reservation writes it, anybody may read.</summary>
internal sealed class IovaReservation
{
    private ulong _unsyncedFrom;
    private ulong _unsyncedTo;
    private long _linkedPages;
    private uint _generation;

    /// <summary>Odd while live; a holder of an older generation holds a reservation that has been freed.</summary>
    public uint Generation => Volatile.Read(ref _generation);

    /// <summary>Whether the reservation is in force.</summary>
    public bool IsLive => (Generation & 1) != 0;

    /// <summary>First page of the block.</summary>
    public ulong Page { get; private set; }

    /// <summary>Pages asked for (the allocator may have rounded them up).</summary>
    public ulong Pages { get; private set; }

    /// <summary>Pages that link mapped and unlink has not cleared.</summary>
    public long LinkedPages => Volatile.Read(ref _linkedPages);

    /// <summary>Next unused reservation of the pool.</summary>
    public IovaReservation? Next { get; set; }

    /// <summary>Whether something is linked that no sync has covered.</summary>
    public bool HasUnsynced => Volatile.Read(ref _unsyncedTo) != 0;

    /// <summary>Starts a life.</summary>
    public void Begin(ulong page, ulong pages)
    {
        Page = page;
        Pages = pages;
        _linkedPages = 0;
        _unsyncedFrom = 0;
        _unsyncedTo = 0;
        Volatile.Write(ref _generation, _generation + 1);
    }

    /// <summary>Ends a life.</summary>
    public void End() => Volatile.Write(ref _generation, _generation + 1);

    /// <summary>Adds linked pages; negative for unlinked ones.</summary>
    public void AddLinked(long pages) => Volatile.Write(ref _linkedPages, _linkedPages + pages);

    /// <summary>Records that [from, to) has been linked.</summary>
    public void AddUnsynced(ulong from, ulong to)
    {
        Volatile.Write(ref _unsyncedFrom, HasUnsynced ? Math.Min(_unsyncedFrom, from) : from);
        Volatile.Write(ref _unsyncedTo, Math.Max(_unsyncedTo, to));
    }

    /// <summary>Records that [from, to) has been synced. A sync in the middle of what is pending leaves all of it pending.</summary>
    public void Synced(ulong from, ulong to)
    {
        if (from <= _unsyncedFrom && to >= _unsyncedTo)
        {
            Volatile.Write(ref _unsyncedTo, 0);
        }
        else if (from <= _unsyncedFrom && to > _unsyncedFrom)
        {
            Volatile.Write(ref _unsyncedFrom, to);
        }
        else if (to >= _unsyncedTo && from < _unsyncedTo)
        {
            Volatile.Write(ref _unsyncedTo, from);
        }
    }

    /// <summary>Whether an address is linked and waits for a sync.</summary>
    public bool IsUnsynced(ulong address) =>
        IsLive && address < Volatile.Read(ref _unsyncedTo) && address >= Volatile.Read(ref _unsyncedFrom);
}
