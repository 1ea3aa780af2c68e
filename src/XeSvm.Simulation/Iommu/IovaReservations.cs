namespace XeSvm.Simulation.Iommu;

/// <summary>All reservations of a domain: the proof of who owns which I/O virtual addresses, and which wait for a sync.</summary>
internal sealed class IovaReservations
{
    private readonly Lock _lock = new();
    private readonly List<IovaReservation> _all = [];
    private readonly List<IovaReservation> _pending = [];
    private IovaReservation? _free;
    private int _unsynced;

    /// <summary>Reservations with something linked and not synced.</summary>
    public int Unsynced => Volatile.Read(ref _unsynced);

    /// <summary>Starts a reservation.</summary>
    public IovaReservation Begin(ulong page, ulong pages)
    {
        IovaReservation? reservation;
        lock (_lock)
        {
            reservation = _free;
            if (reservation is null)
            {
                reservation = new IovaReservation();
                _all.Add(reservation);
            }

            _free = reservation.Next;
            reservation.Next = null;
        }

        reservation.Begin(page, pages);
        return reservation;
    }

    /// <summary>Ends a reservation.</summary>
    public void End(IovaReservation reservation)
    {
        bool pending = reservation.HasUnsynced;
        reservation.End();
        lock (_lock)
        {
            if (pending)
            {
                RemovePending(reservation);
            }

            reservation.Next = _free;
            _free = reservation;
        }
    }

    /// <summary>Records a link. Must come before the entries are written, so that no access slips through unsynced.</summary>
    public void Linking(IovaReservation reservation, ulong from, ulong to)
    {
        bool before = reservation.HasUnsynced;
        reservation.AddUnsynced(from, to);
        if (!before)
        {
            lock (_lock)
            {
                _pending.Add(reservation);
                Volatile.Write(ref _unsynced, _pending.Count);
            }
        }
    }

    /// <summary>Records a sync, or that nothing is there any more to be synced.</summary>
    public void Synced(IovaReservation reservation, ulong from, ulong to)
    {
        bool before = reservation.HasUnsynced;
        reservation.Synced(from, to);
        if (before && !reservation.HasUnsynced)
        {
            lock (_lock)
            {
                RemovePending(reservation);
            }
        }
    }

    /// <summary>Whether an address is linked but not synced.</summary>
    public bool IsUnsynced(ulong address)
    {
        lock (_lock)
        {
            foreach (IovaReservation reservation in _pending)
            {
                if (reservation.IsUnsynced(address))
                {
                    return true;
                }
            }

            return false;
        }
    }

    /// <summary>The live reservations (audit).</summary>
    public List<IovaReservation> Live()
    {
        lock (_lock)
        {
            return _all.FindAll(reservation => reservation.IsLive);
        }
    }

    private void RemovePending(IovaReservation reservation)
    {
        _pending.Remove(reservation);
        Volatile.Write(ref _unsynced, _pending.Count);
    }
}
