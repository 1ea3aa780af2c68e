namespace XeSvm.Simulation.Gpu;

/// <summary>
/// The MI commands, as Xe2 has them. User batches are not privileged: addresses are per-process GPU addresses, and a command that asks
/// for the global GTT is malformed.
/// </summary>
internal static class MiCommands
{
    /// <summary>The streamer looks for a stop request before every command, so a preemption point needs nothing more.</summary>
    public static int Nothing(CommandStreamer streamer, ReadOnlySpan<uint> dwords) => 0;

    public static int MemFence(CommandStreamer streamer, ReadOnlySpan<uint> dwords)
    {
        Interlocked.MemoryBarrier();
        return 0;
    }

    public static int BatchBufferEnd(CommandStreamer streamer, ReadOnlySpan<uint> dwords) => CommandStreamer.EndOfBatch;

    /// <summary>Jumps. Batches run by user space are in its address space whatever bit 8 says; a second-level batch (bit 22) is not supported.</summary>
    public static int BatchBufferStart(CommandStreamer streamer, ReadOnlySpan<uint> dwords)
    {
        const uint secondLevel = 1u << 22;
        return (dwords[0] & secondLevel) != 0 ? -Errno.EINVAL : streamer.Jump(Address(dwords[1..]));
    }

    public static int StoreDataImm(CommandStreamer streamer, ReadOnlySpan<uint> dwords)
    {
        const uint globalGtt = 1u << 22;
        const uint storeQword = 1u << 21;
        bool qword = (dwords[0] & storeQword) != 0;
        ulong address = Address(dwords[1..]);
        if ((dwords[0] & globalGtt) != 0 || dwords.Length != (qword ? 5 : 4) || !IsAligned(address, sizeof(uint)))
        {
            return -Errno.EINVAL;
        }

        return qword
            ? streamer.Store(address, dwords[3] | (ulong)dwords[4] << 32, sizeof(ulong))
            : streamer.Store(address, dwords[3], sizeof(uint));
    }

    /// <summary>Flushes, then with post-sync operation 1 writes the immediate: a dword in the form of 4 dwords, a qword in that of 5.</summary>
    public static int FlushDw(CommandStreamer streamer, ReadOnlySpan<uint> dwords)
    {
        const int postSyncShift = 14;
        const uint postSyncMask = 3;
        const uint writeImmediate = 1;
        const ulong globalGtt = 1UL << 2;
        Interlocked.MemoryBarrier();
        uint postSync = dwords[0] >> postSyncShift & postSyncMask;
        if (postSync == 0)
        {
            return 0;
        }

        if (postSync != writeImmediate || dwords.Length < 4)
        {
            return -Errno.EINVAL;
        }

        ulong address = Address(dwords[1..]);
        if ((address & globalGtt) != 0 || !IsAligned(address, sizeof(ulong)))
        {
            return -Errno.EINVAL;
        }

        return dwords.Length == 5
            ? streamer.Store(address, dwords[3] | (ulong)dwords[4] << 32, sizeof(ulong))
            : streamer.Store(address, dwords[3], sizeof(uint));
    }

    /// <summary>
    /// Increment, decrement, and add and subtract with inline data, of 4 and 8 bytes. Operands in registers and returned data need the
    /// general purpose registers, which the streamer does not have.
    /// </summary>
    public static int Atomic(CommandStreamer streamer, ReadOnlySpan<uint> dwords)
    {
        const uint globalGtt = 1u << 22;
        const int dataSizeShift = 19;
        const uint dataSizeMask = 3;
        const uint inlineData = 1u << 18;
        const uint returnData = 1u << 16;
        const int opcodeShift = 8;
        const uint opcodeMask = 0xff;
        const uint opcode8Bytes = 0x20;
        const uint increment = 5;
        const uint decrement = 6;
        const uint add = 7;
        const uint subtract = 8;
        const int inlineDwords = 11;

        uint header = dwords[0];
        uint opcode = header >> opcodeShift & opcodeMask;
        bool wide = (opcode & opcode8Bytes) != 0;
        int size = wide ? sizeof(ulong) : sizeof(uint);
        bool hasData = (header & inlineData) != 0;
        ulong address = Address(dwords[1..]);
        if ((header & (globalGtt | returnData)) != 0 || (header >> dataSizeShift & dataSizeMask) != (wide ? 1u : 0u)
            || dwords.Length != (hasData ? inlineDwords : 3) || !IsAligned(address, size))
        {
            return -Errno.EINVAL;
        }

        // The first operand's dwords alternate with the second's.
        ulong operand = hasData ? dwords[3] | (ulong)dwords[5] << 32 : 0;
        return (opcode & ~opcode8Bytes, hasData) switch
        {
            (increment, _) => streamer.Add(address, 1, size),
            (decrement, _) => streamer.Add(address, ulong.MaxValue, size),
            (add, true) => streamer.Add(address, operand, size),
            (subtract, true) => streamer.Add(address, 0 - operand, size),
            _ => -Errno.EINVAL,
        };
    }

    /// <summary>Compares a dword in memory with the immediate, unsigned; the batch goes on while the comparison holds.</summary>
    public static int ConditionalBatchBufferEnd(CommandStreamer streamer, ReadOnlySpan<uint> dwords)
    {
        const uint globalGtt = 1u << 22;
        const uint compare = 1u << 21;
        const uint maskMode = 1u << 19;
        const int operatorShift = 12;
        const uint operatorMask = 7;
        uint header = dwords[0];
        uint immediate = dwords[1];
        ulong address = Address(dwords[2..]);
        if ((header & (globalGtt | compare | maskMode)) != compare || !IsAligned(address, sizeof(uint)))
        {
            return -Errno.EINVAL;
        }

        int result = streamer.Load(address, out uint value);
        if (result < 0)
        {
            return result;
        }

        bool? holds = (header >> operatorShift & operatorMask) switch
        {
            0 => value > immediate,
            1 => value >= immediate,
            2 => value < immediate,
            3 => value <= immediate,
            4 => value == immediate,
            5 => value != immediate,
            _ => null,
        };
        return holds switch
        {
            true => 0,
            false => CommandStreamer.EndOfBatch,
            null => -Errno.EINVAL,
        };
    }

    private static ulong Address(ReadOnlySpan<uint> dwords) => dwords[0] | (ulong)dwords[1] << 32;

    private static bool IsAligned(ulong address, int size) => (address & (uint)(size - 1)) == 0;
}
