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
}
