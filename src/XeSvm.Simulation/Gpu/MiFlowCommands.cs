namespace XeSvm.Simulation.Gpu;

/// <summary>
/// The MI commands that order and steer, as Xe2 has them. User batches are not privileged: addresses are per-process GPU addresses, and a
/// command that asks for the global GTT is malformed.
/// </summary>
internal static class MiFlowCommands
{
    private const string UnknownOperator = "the comparison operator is none of 0 to 5";
    private const string GlobalGttReason = "it asks for the global GTT";

    /// <summary>The streamer looks for a stop request before every command, so a preemption point needs nothing more.</summary>
    public static int Nothing(CommandStreamer streamer, ReadOnlySpan<uint> dwords) => 0;

    public static int UserInterrupt(CommandStreamer streamer, ReadOnlySpan<uint> dwords)
    {
        streamer.RaiseUserInterrupt();
        return 0;
    }

    public static int MemFence(CommandStreamer streamer, ReadOnlySpan<uint> dwords)
    {
        Interlocked.MemoryBarrier();
        return 0;
    }

    /// <summary>Ends a first-level batch, or returns from a second-level one to the command behind its start.</summary>
    public static int BatchBufferEnd(CommandStreamer streamer, ReadOnlySpan<uint> dwords) => streamer.Return();

    /// <summary>
    /// Jumps, with bit 15 only when the predicate holds. Batches run by user space are in its address space whatever bit 8 says. Bit 22 starts
    /// a second-level batch, whose end comes back here; inside one, it goes on at the second level.
    /// </summary>
    public static int BatchBufferStart(CommandStreamer streamer, ReadOnlySpan<uint> dwords)
    {
        const uint secondLevel = 1u << 22;
        const uint predicated = 1u << 15;
        ulong address = CommandFields.Address(dwords[1..]);
        if (!CommandFields.IsAligned(address, sizeof(uint)))
        {
            return streamer.Malformed("the batch address is not a multiple of 4");
        }

        if ((dwords[0] & predicated) != 0 && !streamer.Registers.Predicate)
        {
            return 0;
        }

        streamer.EnterLevel((dwords[0] & secondLevel) != 0);
        return streamer.Jump(address);
    }

    /// <summary>
    /// Goes on while "memory operator immediate" holds, else ends: the batch and the one that it was started from, or with bit 18 only the level
    /// that it is in.
    /// </summary>
    public static int ConditionalBatchBufferEnd(CommandStreamer streamer, ReadOnlySpan<uint> dwords)
    {
        const uint compare = 1u << 21;
        const uint maskMode = 1u << 19;
        const uint endCurrentLevel = 1u << 18;
        uint header = dwords[0];
        ulong address = CommandFields.Address(dwords[2..]);
        if ((header & (CommandFields.GlobalGtt | compare | maskMode)) != compare)
        {
            return streamer.Malformed("only the comparison with memory of the process is supported: bit 21 set, bits 22 and 19 clear");
        }

        if (!CommandFields.IsAligned(address, sizeof(uint)))
        {
            return streamer.Malformed("the memory address is not a multiple of 4");
        }

        if (CommandFields.Compare(header, 0, 0) is null)
        {
            return streamer.Malformed(UnknownOperator);
        }

        int result = streamer.Load(address, out uint value);
        return result < 0 ? result
            : CommandFields.Compare(header, value, dwords[1]) == true ? 0
            : (header & endCurrentLevel) != 0 ? streamer.Return()
            : CommandStreamer.EndOfBatch;
    }

    /// <summary>
    /// Waits until "memory operator data" holds. Memory is polled in signal mode (bit 15 clear) too, as it may be between two signals. Bit 11,
    /// switch to another queue meanwhile, asks for what is so anyway: every queue has a thread of its own.
    /// </summary>
    public static int SemaphoreWait(CommandStreamer streamer, ReadOnlySpan<uint> dwords)
    {
        const uint registerPoll = 1u << 16;
        uint header = dwords[0];
        ulong address = CommandFields.Address(dwords[2..]);
        if ((header & CommandFields.GlobalGtt) != 0)
        {
            return streamer.Malformed(GlobalGttReason);
        }

        if ((header & registerPoll) != 0)
        {
            return streamer.Malformed("polling a register is not supported");
        }

        if (!CommandFields.IsAligned(address, sizeof(uint)))
        {
            return streamer.Malformed("the semaphore address is not a multiple of 4");
        }

        if (CommandFields.Compare(header, 0, 0) is null)
        {
            return streamer.Malformed(UnknownOperator);
        }

        for (int attempt = 0; ; attempt++)
        {
            int result = streamer.Load(address, out uint value);
            if (result < 0 || CommandFields.Compare(header, value, dwords[1]) == true)
            {
                return result;
            }

            if (streamer.Pause(attempt))
            {
                return -Errno.ECANCELED;
            }
        }
    }
}
