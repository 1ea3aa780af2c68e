namespace XeSvm.Simulation.Iommu;

/// <summary>All reservations of a domain: the proof of who owns which I/O virtual addresses, and which wait for a sync.</summary>
internal sealed class IovaReservations
{
    private readonly Lock _lock = new();
    private IovaReservation[] _all = [];
    private int _count;
    private IovaReservation? _free;
    private int _unsynced;

    /// <summary>Reservations with something linked and not synced.</summary>
    public int Unsynced => Volatile.Read(ref _unsynced);

    /// <summary>Starts a reservation.</summary>
    public IovaReservation Begin(ulong page, ulong pages)
    {
        IovaReservation reservation;
        lock (_lock)
        {
            reservation = _free ?? Create();
            _free = reservation.Next;
            reservation.Next = null;
        }

        reservation.Begin(page, pages);
        return reservation;
    }

    /// <summary>Ends a reservation.</summary>
    public void End(IovaReservation reservation)
    {
        if (reservation.HasUnsynced)
        {
            Interlocked.Decrement(ref _unsynced);
        }

        reservation.End();
        lock (_lock)
        {
            reservation.Next = _free;
            _free = reservation;
        }
    }

    /// <summary>Records a link. Must come before the entries are written, so that no access slips through unsynced.</summary>
    public void Linking(IovaReservation reservation, ulong from, ulong to)
    {
        if (!reservation.HasUnsynced)
        {
            Interlocked.Increment(ref _unsynced);
        }

        reservation.AddUnsynced(from, to);
    }

    /// <summary>Records a sync, or that nothing is there any more to be synced.</summary>
    public void Synced(IovaReservation reservation, ulong from, ulong to)
    {
        bool before = reservation.HasUnsynced;
        reservation.Synced(from, to);
        if (before && !reservation.HasUnsynced)
        {
            Interlocked.Decrement(ref _unsynced);
        }
    }

    /// <summary>Whether an address is linked but not synced.</summary>
    public bool IsUnsynced(ulong address)
    {
        IovaReservation[] all = Volatile.Read(ref _all);
        int count = Math.Min(Volatile.Read(ref _count), all.Length);
        for (int i = 0; i < count; i++)
        {
            if (all[i].IsUnsynced(address))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>The live reservations (audit).</summary>
    public List<IovaReservation> Live()
    {
        lock (_lock)
        {
            List<IovaReservation> live = [];
            for (int i = 0; i < _count; i++)
            {
                if (_all[i].IsLive)
                {
                    live.Add(_all[i]);
                }
            }

            return live;
        }
    }

    private IovaReservation Create()
    {
        if (_count == _all.Length)
        {
            IovaReservation[] larger = new IovaReservation[Math.Max(8, _count * 2)];
            _all.CopyTo(larger, 0);
            for (int i = _count; i < larger.Length; i++)
            {
                larger[i] = new IovaReservation();
            }

            Volatile.Write(ref _all, larger);
        }

        IovaReservation created = _all[_count];
        Volatile.Write(ref _count, _count + 1);
        return created;
    }
}
