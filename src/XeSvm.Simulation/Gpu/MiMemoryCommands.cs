namespace XeSvm.Simulation.Gpu;

/// <summary>The MI commands that write memory, as Xe2 has them.</summary>
internal static class MiMemoryCommands
{
    private const string GlobalGttReason = "it asks for the global GTT";

    /// <summary>Stores dwords, or with bit 21 qwords, one after the other (MI_SDI_NUM_DW, MI_SDI_NUM_QW).</summary>
    public static int StoreDataImm(CommandStreamer streamer, ReadOnlySpan<uint> dwords)
    {
        const uint storeQword = 1u << 21;
        const int operands = 3;
        bool qword = (dwords[0] & storeQword) != 0;
        ulong address = CommandFields.Address(dwords[1..]);
        if ((dwords[0] & CommandFields.GlobalGtt) != 0)
        {
            return streamer.Malformed(GlobalGttReason);
        }

        if (qword && (dwords.Length - operands) % 2 != 0)
        {
            return streamer.Malformed("its length holds half a qword");
        }

        return CommandFields.IsAligned(address, sizeof(uint))
            ? streamer.StoreAll(address, dwords[operands..], qword)
            : streamer.Malformed("the address is not a multiple of 4");
    }

    /// <summary>Copies a dword.</summary>
    public static int CopyMemMem(CommandStreamer streamer, ReadOnlySpan<uint> dwords)
    {
        const uint sourceGlobalGtt = 1u << 21;
        ulong destination = CommandFields.Address(dwords[1..]);
        ulong source = CommandFields.Address(dwords[3..]);
        if ((dwords[0] & (CommandFields.GlobalGtt | sourceGlobalGtt)) != 0)
        {
            return streamer.Malformed(GlobalGttReason);
        }

        if (!CommandFields.IsAligned(destination | source, sizeof(uint)))
        {
            return streamer.Malformed("an address is not a multiple of 4");
        }

        int result = streamer.Load(source, out uint value);
        return result < 0 ? result : streamer.Store(destination, value, sizeof(uint));
    }

    /// <summary>
    /// Flushes, then does the post-sync operation: 1 writes the immediate, a dword in the form of 4 dwords, a qword in that of 5; 3 writes the
    /// time stamp.
    /// </summary>
    public static int FlushDw(CommandStreamer streamer, ReadOnlySpan<uint> dwords)
    {
        const int postSyncShift = 14;
        const uint postSyncMask = 3;
        const uint writeImmediate = 1;
        const uint writeTimestamp = 3;
        const uint storeIndex = 1u << 21;
        const ulong globalGtt = 1UL << 2;
        Interlocked.MemoryBarrier();
        uint postSync = dwords[0] >> postSyncShift & postSyncMask;
        if (postSync == 0)
        {
            return 0;
        }

        if (postSync is not (writeImmediate or writeTimestamp) || dwords.Length < 4)
        {
            return streamer.Malformed("its post-sync operation is reserved, or has no address and data");
        }

        ulong address = CommandFields.Address(dwords[1..]);
        if ((address & globalGtt) != 0 || (dwords[0] & storeIndex) != 0)
        {
            return streamer.Malformed(GlobalGttReason);
        }

        if (!CommandFields.IsAligned(address, sizeof(ulong)))
        {
            return streamer.Malformed("the address is not a multiple of 8");
        }

        return postSync == writeTimestamp ? streamer.Store(address, GpuClock.Ticks, sizeof(ulong))
            : dwords.Length == 5 ? streamer.Store(address, CommandFields.Address(dwords[3..]), sizeof(ulong))
            : streamer.Store(address, dwords[3], sizeof(uint));
    }
}
