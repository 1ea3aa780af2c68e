namespace XeSvm.Simulation.Memory;

/// <summary>
/// How the memory was mapped that devices were told of. userfaultfd reports changes of registered memory only, and mprotect never; so
/// what it does not report is noticed by comparing with these records at the next fault or VM_BIND.
/// </summary>
internal sealed class MappingRecords
{
    private readonly Lock _lock = new();
    private readonly List<ClientVma> _records = [];

    /// <summary>How many records there are; neighbours with equal flags are one.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _records.Count;
            }
        }
    }

    /// <summary>Records that a range is mapped so, in place of what was known of it.</summary>
    public void Add(ulong start, ulong end, ClientVmaFlags flags)
    {
        lock (_lock)
        {
            int index = FirstAfter(start);
            if (index < _records.Count && Covers(_records[index], start, end, flags))
            {
                return;
            }

            Cut(start, end);
            index = FirstAfter(start);
            if (index > 0 && _records[index - 1].End == start && _records[index - 1].Flags == flags)
            {
                start = _records[--index].Start;
                _records.RemoveAt(index);
            }

            if (index < _records.Count && _records[index].Start == end && _records[index].Flags == flags)
            {
                end = _records[index].End;
                _records.RemoveAt(index);
            }

            _records.Insert(index, new ClientVma(start, end, flags));
        }
    }

    /// <summary>Forgets what is known of a range.</summary>
    public void Remove(ulong start, ulong end)
    {
        lock (_lock)
        {
            Cut(start, end);
        }
    }

    /// <summary>The first record that ends above an address, clipped to <c>[start, end)</c>; false when there is none.</summary>
    public bool TryFind(ulong start, ulong end, out ClientVma record)
    {
        lock (_lock)
        {
            int index = FirstAfter(start);
            if (start >= end || index == _records.Count || _records[index].Start >= end)
            {
                record = default;
                return false;
            }

            record = _records[index];
            record = record with { Start = Math.Max(record.Start, start), End = Math.Min(record.End, end) };
            return true;
        }
    }

    private static bool Covers(in ClientVma record, ulong start, ulong end, ClientVmaFlags flags) =>
        record.Start <= start && end <= record.End && record.Flags == flags;

    /// <summary>Index of the first record that ends above an address.</summary>
    private int FirstAfter(ulong address)
    {
        int low = 0;
        int high = _records.Count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (_records[middle].End > address)
            {
                high = middle;
            }
            else
            {
                low = middle + 1;
            }
        }

        return low;
    }

    private void Cut(ulong start, ulong end)
    {
        int index = FirstAfter(start);
        while (index < _records.Count && _records[index].Start < end)
        {
            ClientVma record = _records[index];
            _records.RemoveAt(index);
            if (record.Start < start)
            {
                _records.Insert(index++, record with { End = start });
            }

            if (record.End > end)
            {
                _records.Insert(index++, record with { Start = end });
            }
        }
    }
}
