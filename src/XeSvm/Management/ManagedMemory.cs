namespace XeSvm.Management;

/// <summary>
/// One piece of memory in a manager's account, cut into blocks at multiples of the block size: the first and the last may be shorter. Guarded by
/// the manager's lock.
/// </summary>
internal sealed class ManagedMemory
{
    private readonly int _shift;

    /// <summary>Makes the account of whole pages.</summary>
    internal ManagedMemory(GpuRange range, ulong blockBytes)
    {
        Range = range;
        _shift = System.Numerics.BitOperations.Log2(blockBytes);
        Blocks = new ManagedBlock[checked((int)(((range.Address + range.Length - 1) >> _shift) - (range.Address >> _shift)) + 1)];
    }

    /// <summary>The addresses.</summary>
    internal GpuRange Range { get; }

    /// <summary>The end of the addresses.</summary>
    internal ulong End => Range.Address + Range.Length;

    /// <summary>The blocks, in the order of addresses.</summary>
    internal ManagedBlock[] Blocks { get; }

    /// <summary>Whether the memory is out of the account; its blocks then say nothing any more.</summary>
    internal bool IsForgotten { get; set; }

    /// <summary>The block of an address in the range.</summary>
    internal int IndexOf(ulong address) => (int)((address >> _shift) - (Range.Address >> _shift));

    /// <summary>The addresses of a block.</summary>
    internal GpuRange RangeOf(int index)
    {
        ulong first = (Range.Address >> _shift) + (ulong)index;
        ulong start = Math.Max(first << _shift, Range.Address);
        ulong end = Math.Min((first + 1) << _shift, End);
        return new GpuRange(start, end - start);
    }
}

/// <summary>What the manager knows of a block.</summary>
internal struct ManagedBlock
{
    /// <summary>Where it was moved last.</summary>
    internal MemoryLocation Location;

    /// <summary>What was advised last.</summary>
    internal MemoryLocation Advised;

    /// <summary>What the program said last.</summary>
    internal SvmHint Hint;

    /// <summary>How much it is used.</summary>
    internal float Heat;

    /// <summary>Uses that have not ended.</summary>
    internal int Uses;
}
