namespace XeSvm.Management;

/// <content>What the program says about memory.</content>
public sealed partial class SvmManager
{
    /// <summary>Says what is known about the next use of memory. Nothing moves before the next balancing. Allocates nothing.</summary>
    /// <param name="range">The memory, inside one managed piece; it counts for whole blocks.</param>
    /// <param name="hint">What is known.</param>
    /// <exception cref="ArgumentException">The range is not managed.</exception>
    /// <exception cref="ObjectDisposedException">The manager was disposed.</exception>
    public void Hint(GpuRange range, SvmHint hint)
    {
        if (!Enum.IsDefined(hint))
        {
            throw new ArgumentOutOfRangeException(nameof(hint), hint, "No SvmHint.");
        }

        lock (_lock)
        {
            ManagedMemory memory = FindManaged(range, out int first, out int count);
            foreach (ref ManagedBlock block in memory.Blocks.AsSpan(first, count))
            {
                block.Hint = hint;
                block.Heat = hint switch
                {
                    SvmHint.WillUseOnDevice => block.Heat + 1,
                    SvmHint.WillNotUse => 0,
                    _ => block.Heat,
                };
            }
        }
    }

    /// <summary>
    /// Begins a use by the GPU: until the result is disposed, the manager does not move the memory out of VRAM. Allocates nothing but the first
    /// records. It moves nothing either.
    /// </summary>
    /// <param name="range">The memory, inside one managed piece; it counts for whole blocks.</param>
    /// <exception cref="ArgumentException">The range is not managed.</exception>
    /// <exception cref="ObjectDisposedException">The manager was disposed.</exception>
    public SvmUse Use(GpuRange range)
    {
        lock (_lock)
        {
            ManagedMemory memory = FindManaged(range, out int first, out int count);
            if (!_spareUses.TryPop(out SvmUseRecord? record))
            {
                record = new SvmUseRecord(this);
            }

            for (int index = first; index < first + count; index++)
            {
                ref ManagedBlock block = ref memory.Blocks[index];
                block.Heat++;
                block.Hint = SvmHint.WillUseOnDevice;
                if (block.Uses++ == 0 && IsInVram(block))
                {
                    _usedBytes += memory.RangeOf(index).Length;
                }
            }

            (record.Memory, record.First, record.Count) = (memory, first, count);
            ulong start = memory.RangeOf(first).Address;
            GpuRange last = memory.RangeOf(first + count - 1);
            record.Range = new GpuRange(start, last.Address + last.Length - start);
            return new SvmUse(record);
        }
    }

    /// <summary>Ends a use, unless it has ended.</summary>
    internal void EndUse(SvmUseRecord record, int version)
    {
        lock (_lock)
        {
            if (record.Version != version || record.Memory is not { } memory)
            {
                return;
            }

            for (int index = record.First; index < record.First + record.Count; index++)
            {
                if (--memory.Blocks[index].Uses == 0 && IsInVram(memory.Blocks[index]) && !memory.IsForgotten)
                {
                    _usedBytes -= memory.RangeOf(index).Length;
                }
            }

            record.Version++;
            record.Memory = null;
            _spareUses.Push(record);
            SignalRoom();
        }
    }

    private ManagedMemory FindManaged(GpuRange range, out int first, out int count)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentOutOfRangeException.ThrowIfZero(range.Length);
        ManagedMemory memory = _map.Find(range) ??
            throw new ArgumentException($"{range} does not lie inside one piece of managed memory.", nameof(range));
        first = memory.IndexOf(range.Address);
        count = memory.IndexOf(range.Address + range.Length - 1) - first + 1;
        return memory;
    }
}
