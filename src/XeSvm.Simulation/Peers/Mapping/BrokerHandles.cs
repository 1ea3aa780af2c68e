namespace XeSvm.Simulation.Peers.Mapping;

/// <summary>
/// The broker's mappings by handle. Entries are used again, and a handle is never given twice: a stale one finds nothing. Thread-safe; allocates
/// only to hold more mappings at once than ever before.
/// </summary>
internal sealed class BrokerHandles
{
    private const int SlotBits = 24;

    private readonly Lock _lock = new();
    private readonly Stack<int> _free = new();
    private BrokerEntry[] _entries = [];
    private int _live;

    /// <summary>Mappings that are held.</summary>
    public int Live => Volatile.Read(ref _live);

    /// <summary>Adds a mapping; its handle is in the entry.</summary>
    public BrokerEntry Add(in PeerCookie cookie)
    {
        lock (_lock)
        {
            if (!_free.TryPop(out int slot))
            {
                slot = Grow();
            }

            BrokerEntry entry = _entries[slot];
            entry.Uses++;
            entry.Handle = (entry.Uses << SlotBits) | (uint)slot;
            entry.Cookie = cookie;
            entry.Linked = 0;
            _live++;
            return entry;
        }
    }

    /// <summary>The mapping of a handle, to be ended with <see cref="Remove"/>; null for a handle that is none any more.</summary>
    public BrokerEntry? Take(long handle)
    {
        lock (_lock)
        {
            int slot = (int)(handle & ((1 << SlotBits) - 1));
            if (slot >= _entries.Length || _entries[slot].Handle != handle || handle == 0)
            {
                return null;
            }

            _entries[slot].Handle = 0;
            return _entries[slot];
        }
    }

    /// <summary>Gives an entry back for another mapping.</summary>
    public void Remove(BrokerEntry entry)
    {
        lock (_lock)
        {
            _free.Push(entry.Slot);
            _live--;
        }
    }

    private int Grow()
    {
        int old = _entries.Length;
        int count = Math.Max(old * 2, 16);
        Array.Resize(ref _entries, count);
        _free.EnsureCapacity(count);
        for (int slot = count - 1; slot >= old; slot--)
        {
            _entries[slot] = new BrokerEntry(slot);
            _free.Push(slot);
        }

        return _free.Pop();
    }
}

/// <summary>One mapping of the broker.</summary>
internal sealed class BrokerEntry(int slot)
{
    /// <summary>What was reserved.</summary>
    public PeerCookie Cookie;

    /// <summary>Bytes of it that are linked, from its start.</summary>
    public ulong Linked;

    /// <summary>How often the entry has been used.</summary>
    internal long Uses;

    /// <summary>The mapping's handle; 0 between mappings.</summary>
    public long Handle { get; internal set; }

    /// <summary>Its place.</summary>
    internal int Slot { get; } = slot;
}
