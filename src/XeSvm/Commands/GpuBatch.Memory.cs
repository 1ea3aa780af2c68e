namespace XeSvm;

/// <content>Commands that change memory or wait for it.</content>
public sealed unsafe partial class GpuBatch
{
    /// <summary>Adds stores of words one after the other (MI_STORE_DATA_IMM), in as many commands as it takes.</summary>
    /// <param name="address">Where; a multiple of 4.</param>
    /// <param name="values">What; at least one.</param>
    /// <exception cref="InvalidOperationException">The batch has no room for all commands, or was ended; nothing was added.</exception>
    public void StoreDwords(ulong address, ReadOnlySpan<uint> values)
    {
        RequireAlignment(address, sizeof(uint));
        ArgumentOutOfRangeException.ThrowIfZero(values.Length);
        int header = GpuCommand.StoreDwordWords - 1;
        int commands = ((values.Length - 1) / GpuCommand.StoreDataMaximumWords) + 1;
        RequireRoom((int)Math.Min(values.Length + ((long)commands * header), int.MaxValue));
        while (!values.IsEmpty)
        {
            int count = Math.Min(values.Length, GpuCommand.StoreDataMaximumWords);
            Append([GpuCommand.StoreDword + (uint)(count - 1), (uint)address, (uint)(address >> 32)]);
            Append(values[..count]);
            values = values[count..];
            address += (ulong)count * sizeof(uint);
        }
    }

    /// <summary>Adds a copy of 4 bytes (MI_COPY_MEM_MEM); every engine has it.</summary>
    /// <param name="destination">Where to; a multiple of 4.</param>
    /// <param name="source">Where from; a multiple of 4.</param>
    /// <exception cref="InvalidOperationException">The batch is full or was ended.</exception>
    public void CopyDword(ulong destination, ulong source)
    {
        RequireAlignment(destination, sizeof(uint));
        RequireAlignment(source, sizeof(uint));
        Append([GpuCommand.CopyDword, (uint)destination, (uint)(destination >> 32), (uint)source, (uint)(source >> 32)]);
    }

    /// <summary>Adds a fill with one byte value (MEM_SET), in as many commands as it takes. Needs a copy engine.</summary>
    /// <param name="address">First byte.</param>
    /// <param name="value">What every byte becomes.</param>
    /// <param name="length">Bytes, at least 1.</param>
    /// <exception cref="InvalidOperationException">The batch has no room for all commands, or was ended; nothing was added.</exception>
    public void Fill(ulong address, byte value, ulong length)
    {
        ArgumentOutOfRangeException.ThrowIfZero(length);
        ulong commands = ((length - 1) / GpuCommand.MemSetMaximumWidth) + 1;
        RequireRoom(commands > int.MaxValue / GpuCommand.MemSetWords ? int.MaxValue : (int)commands * GpuCommand.MemSetWords);
        for (ulong offset = 0; offset < length; offset += GpuCommand.MemSetMaximumWidth)
        {
            uint width = (uint)Math.Min(GpuCommand.MemSetMaximumWidth, length - offset);
            ulong to = address + offset;
            Append([GpuCommand.MemSet, width - 1, 0, width - 1, (uint)to, (uint)(to >> 32), (uint)value << GpuCommand.MemSetValueShift]);
        }
    }

    /// <summary>Adds an atomic operation on 4 bytes (MI_ATOMIC).</summary>
    /// <param name="address">Where; a multiple of 4.</param>
    /// <param name="operation">What becomes of the word.</param>
    /// <param name="operand">Its operand.</param>
    /// <exception cref="InvalidOperationException">The batch is full or was ended.</exception>
    public void AtomicDword(ulong address, GpuAtomic operation, uint operand = 0)
    {
        RequireAlignment(address, sizeof(uint));
        AppendAtomic(address, RequireOperation(operation), 0, operand, 0);
    }

    /// <summary>Adds an atomic operation on 8 bytes (MI_ATOMIC).</summary>
    /// <param name="address">Where; a multiple of 8.</param>
    /// <param name="operation">What becomes of the word.</param>
    /// <param name="operand">Its operand.</param>
    /// <exception cref="InvalidOperationException">The batch is full or was ended.</exception>
    public void AtomicQword(ulong address, GpuAtomic operation, ulong operand = 0)
    {
        RequireAlignment(address, sizeof(ulong));
        AppendAtomic(address, RequireOperation(operation), GpuCommand.AtomicQword, operand, 0);
    }

    /// <summary>Adds a store of 8 bytes that happens only when the word is as expected, in one atomic step (MI_ATOMIC).</summary>
    /// <param name="address">Where; a multiple of 8.</param>
    /// <param name="expected">What the word must be.</param>
    /// <param name="value">What it becomes.</param>
    /// <exception cref="InvalidOperationException">The batch is full or was ended.</exception>
    public void CompareAndStoreQword(ulong address, ulong expected, ulong value)
    {
        RequireAlignment(address, sizeof(ulong));
        AppendAtomic(address, GpuCommand.AtomicCompareAndWrite, GpuCommand.AtomicQword, expected, value);
    }

    /// <summary>Adds a store of the GPU's time stamp, 8 bytes in ticks of the GT's reference clock (MI_FLUSH_DW).</summary>
    /// <param name="address">Where; a multiple of 8.</param>
    /// <exception cref="InvalidOperationException">The batch is full or was ended.</exception>
    public void StoreTimestamp(ulong address)
    {
        RequireAlignment(address, sizeof(ulong));
        Append([GpuCommand.FlushTimestamp, (uint)address, (uint)(address >> 32), 0, 0]);
    }

    /// <summary>Adds a wait until a word of memory compares to a value (MI_SEMAPHORE_WAIT, polling). The queue does nothing else meanwhile.</summary>
    /// <param name="address">The word; a multiple of 4.</param>
    /// <param name="comparison">What must hold.</param>
    /// <param name="value">What it is compared with.</param>
    /// <exception cref="InvalidOperationException">The batch is full or was ended.</exception>
    public void WaitUntil(ulong address, GpuComparison comparison, uint value) =>
        AppendComparison(GpuCommand.SemaphoreWait, address, comparison, value);

    /// <summary>Adds an end of the batch unless a word of memory compares to a value (MI_CONDITIONAL_BATCH_BUFFER_END).</summary>
    /// <param name="address">The word; a multiple of 4.</param>
    /// <param name="comparison">What must hold for the batch to go on.</param>
    /// <param name="value">What it is compared with.</param>
    /// <exception cref="InvalidOperationException">The batch is full or was ended.</exception>
    public void EndUnless(ulong address, GpuComparison comparison, uint value) =>
        AppendComparison(GpuCommand.ConditionalEnd, address, comparison, value);

    /// <summary>Adds a call of another batch, whose end comes back here (MI_BATCH_BUFFER_START of the second level). There is no third level.</summary>
    /// <param name="batch">An ended batch of the same VM; keep it as long as this one.</param>
    /// <exception cref="InvalidOperationException">This batch is full or was ended, or the other was not ended.</exception>
    public void Call(GpuBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        batch.RequireReadyFor(_vm);
        Append([GpuCommand.StartSecondLevel, (uint)batch.GpuAddress, (uint)(batch.GpuAddress >> 32)]);
    }

    private static uint RequireOperation(GpuAtomic operation) => operation is >= GpuAtomic.And and <= GpuAtomic.UnsignedMinimum
        ? (uint)operation
        : throw new ArgumentOutOfRangeException(nameof(operation), operation, "There is no such atomic operation.");

    private void AppendAtomic(ulong address, uint operation, uint size, ulong first, ulong second)
    {
        uint bits = size | operation << GpuCommand.AtomicOperationShift;
        if (operation is (uint)GpuAtomic.Increment or (uint)GpuAtomic.Decrement)
        {
            Append([GpuCommand.Atomic | bits, (uint)address, (uint)(address >> 32)]);
            return;
        }

        Append(
        [
            GpuCommand.AtomicInline | bits, (uint)address, (uint)(address >> 32),
            (uint)first, (uint)second, (uint)(first >> 32), (uint)(second >> 32), 0, 0, 0, 0,
        ]);
    }

    private void AppendComparison(uint command, ulong address, GpuComparison comparison, uint value)
    {
        RequireAlignment(address, sizeof(uint));
        if (comparison is < GpuComparison.GreaterThan or > GpuComparison.NotEqual)
        {
            throw new ArgumentOutOfRangeException(nameof(comparison), comparison, "There is no such comparison.");
        }

        Append([command | (uint)comparison << GpuCommand.ComparisonShift, value, (uint)address, (uint)(address >> 32)]);
    }
}
