namespace XeSvm.Simulation.Iommu;

/// <summary>The last events of a kind, and how many there were. Thread-safe; recording allocates nothing.</summary>
internal sealed class EventLog<T>
    where T : struct
{
    private readonly Lock _lock = new();
    private readonly T[] _last;
    private long _count;

    public EventLog(int capacity = 64) => _last = new T[capacity];

    /// <summary>Events recorded so far, those that the log has forgotten included.</summary>
    public long Count => Volatile.Read(ref _count);

    /// <summary>Records an event.</summary>
    public void Add(in T item)
    {
        lock (_lock)
        {
            _last[_count % _last.Length] = item;
            Volatile.Write(ref _count, _count + 1);
        }
    }

    /// <summary>The events that the log remembers, oldest first.</summary>
    public T[] ToArray()
    {
        lock (_lock)
        {
            int kept = (int)Math.Min(_count, _last.Length);
            T[] items = new T[kept];
            for (int i = 0; i < kept; i++)
            {
                items[i] = _last[(_count - kept + i) % _last.Length];
            }

            return items;
        }
    }
}
