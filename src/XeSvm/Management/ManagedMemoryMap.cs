using System.Runtime.InteropServices;

namespace XeSvm.Management;

/// <summary>All memory in a manager's account, by address. Guarded by the manager's lock.</summary>
internal sealed class ManagedMemoryMap
{
    private readonly List<ManagedMemory> _memory = [];

    /// <summary>The pieces, in the order of addresses.</summary>
    internal ReadOnlySpan<ManagedMemory> All => CollectionsMarshal.AsSpan(_memory);

    /// <summary>Adds a piece.</summary>
    /// <returns>False when it overlaps another.</returns>
    internal bool TryAdd(ManagedMemory memory)
    {
        int index = IndexOfFirstEndingAfter(memory.Range.Address);
        if (index < _memory.Count && _memory[index].Range.Address < memory.End)
        {
            return false;
        }

        _memory.Insert(index, memory);
        return true;
    }

    /// <summary>Removes the piece that begins at an address.</summary>
    internal ManagedMemory? Remove(ulong address)
    {
        int index = IndexOfFirstEndingAfter(address);
        if (index == _memory.Count || _memory[index].Range.Address != address)
        {
            return null;
        }

        ManagedMemory memory = _memory[index];
        _memory.RemoveAt(index);
        memory.IsForgotten = true;
        return memory;
    }

    /// <summary>The piece that a whole range lies in.</summary>
    internal ManagedMemory? Find(GpuRange range)
    {
        int index = IndexOfFirstEndingAfter(range.Address);
        return index < _memory.Count && _memory[index].Range.Address <= range.Address && range.Length <= _memory[index].End - range.Address
            ? _memory[index]
            : null;
    }

    /// <summary>The number of the first piece that ends behind an address; the number of pieces if there is none.</summary>
    internal int IndexOfFirstEndingAfter(ulong address)
    {
        int low = 0;
        int high = _memory.Count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (_memory[middle].End > address)
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

    /// <summary>The blocks that a range touches, in the order of addresses. Nothing may be added or removed meanwhile.</summary>
    /// <param name="start">The first byte.</param>
    /// <param name="end">Behind the last byte.</param>
    internal BlockEnumerator BlocksIn(ulong start, ulong end) => new(this, start, end);

    /// <summary>Goes through blocks.</summary>
    internal ref struct BlockEnumerator
    {
        private readonly ManagedMemoryMap _map;
        private readonly ulong _start;
        private readonly ulong _end;
        private int _piece;
        private int _index;
        private int _last;

        internal BlockEnumerator(ManagedMemoryMap map, ulong start, ulong end)
        {
            (_map, _start, _end) = (map, start, end);
            _piece = map.IndexOfFirstEndingAfter(start) - 1;
            _index = _last = -1;
        }

        /// <summary>A block: its memory and its number there.</summary>
        public readonly (ManagedMemory Memory, int Index) Current => (_map._memory[_piece], _index);

        /// <summary>For foreach.</summary>
        public readonly BlockEnumerator GetEnumerator() => this;

        /// <summary>Goes to the next block.</summary>
        public bool MoveNext()
        {
            if (_index < _last)
            {
                _index++;
                return true;
            }

            _piece++;
            if (_piece >= _map._memory.Count || _map._memory[_piece].Range.Address >= _end)
            {
                return false;
            }

            ManagedMemory memory = _map._memory[_piece];
            _index = memory.IndexOf(Math.Max(_start, memory.Range.Address));
            _last = memory.IndexOf(Math.Min(_end, memory.End) - 1);
            return true;
        }
    }
}
