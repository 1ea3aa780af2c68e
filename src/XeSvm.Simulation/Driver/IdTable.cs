using System.Diagnostics.CodeAnalysis;

using XeSvm.Simulation.Gpu;

namespace XeSvm.Simulation.Driver;

/// <summary>Ids of one kind in one open file: from 1 upward, the lowest free one first; 0 never names anything (XA_FLAGS_ALLOC1).</summary>
internal sealed class IdTable<T>
    where T : class
{
    private readonly MonitorLock _lock = new();
    private T?[] _items = new T?[8];
    private int _lowestFree = 1;
    private bool _closed;

    /// <summary>Gives an object its id; false when the file is closed.</summary>
    public bool TryAdd(T item, out uint id)
    {
        lock (_lock)
        {
            id = 0;
            if (_closed)
            {
                return false;
            }

            int at = _lowestFree;
            if (at == _items.Length)
            {
                Array.Resize(ref _items, at * 2);
            }

            _items[at] = item;
            id = (uint)at;
            do
            {
                at++;
            }
            while (at < _items.Length && _items[at] is not null);

            _lowestFree = at;
            return true;
        }
    }

    public bool TryGet(uint id, [NotNullWhen(true)] out T? item)
    {
        lock (_lock)
        {
            item = id < (uint)_items.Length ? _items[id] : null;
            return item is not null;
        }
    }

    /// <summary>Gives an object its id unless it has one already, which is found then: false when the file is closed.</summary>
    /// <param name="item">The object.</param>
    /// <param name="id">Its id.</param>
    /// <param name="added">Whether the id is a new one.</param>
    public bool TryFindOrAdd(T item, out uint id, out bool added)
    {
        lock (_lock)
        {
            int at = Array.IndexOf(_items, item);
            if (at < 0)
            {
                return added = TryAdd(item, out id);
            }

            id = (uint)at;
            added = false;
            return true;
        }
    }

    /// <summary>Ends an id and returns what it named.</summary>
    public bool TryRemove(uint id, [NotNullWhen(true)] out T? item)
    {
        lock (_lock)
        {
            item = id < (uint)_items.Length ? _items[id] : null;
            if (item is null)
            {
                return false;
            }

            _items[id] = null;
            _lowestFree = Math.Min(_lowestFree, (int)id);
            return true;
        }
    }

    /// <summary>Everything in the table now, by id.</summary>
    public T[] Snapshot()
    {
        lock (_lock)
        {
            return [.. _items.OfType<T>()];
        }
    }

    /// <summary>Ends all ids for good and returns what they named, by id.</summary>
    public T[] Close()
    {
        lock (_lock)
        {
            _closed = true;
            T[] items = [.. _items.OfType<T>()];
            Array.Clear(_items);
            return items;
        }
    }

    /// <summary>Finds the first object that satisfies a condition.</summary>
    public T? Find(Predicate<T> condition)
    {
        lock (_lock)
        {
            return Array.Find(_items, item => item is not null && condition(item));
        }
    }
}
