namespace XeSvm.Simulation.Gpu;

/// <summary>
/// The MI commands that work on the command streamer's registers, as Xe2 has them. A register is named by bits 22:2 of a dword: its MMIO
/// offset, or, where the header says so, its offset from the engine's base.
/// </summary>
internal static class MiRegisterCommands
{
    private const uint CsRelative = 1u << 19;
    private const uint SourceCsRelative = 1u << 18;
    private const string GlobalGttReason = "it asks for the global GTT";
    private const string NoRegisterReason = "bits 22:2 alone name a register, the others must be 0";
    private const string AddressReason = "the memory address is not a multiple of 4";

    /// <summary>Loads registers with immediates, pair by pair.</summary>
    public static int LoadRegisterImm(CommandStreamer streamer, ReadOnlySpan<uint> dwords)
    {
        if (dwords.Length % 2 == 0)
        {
            return streamer.Malformed("its length holds half a pair of register and value");
        }

        for (int pair = 1; pair < dwords.Length; pair += 2)
        {
            if (!CsRegisters.IsRegister(dwords[pair]))
            {
                return streamer.Malformed(NoRegisterReason);
            }
        }

        for (int pair = 1; pair < dwords.Length; pair += 2)
        {
            streamer.Registers.Write(dwords[pair], (dwords[0] & CsRelative) != 0, dwords[pair + 1]);
        }

        return 0;
    }

    /// <summary>Copies a register: source, then destination.</summary>
    public static int LoadRegisterReg(CommandStreamer streamer, ReadOnlySpan<uint> dwords)
    {
        if (!CsRegisters.IsRegister(dwords[1]) || !CsRegisters.IsRegister(dwords[2]))
        {
            return streamer.Malformed(NoRegisterReason);
        }

        uint value = streamer.Registers.Read(dwords[1], (dwords[0] & SourceCsRelative) != 0);
        streamer.Registers.Write(dwords[2], (dwords[0] & CsRelative) != 0, value);
        return 0;
    }

    public static int LoadRegisterMem(CommandStreamer streamer, ReadOnlySpan<uint> dwords)
    {
        int result = CheckMemoryForm(streamer, dwords, out ulong address);
        if (result == 0)
        {
            result = streamer.Load(address, out uint value);
            if (result == 0)
            {
                streamer.Registers.Write(dwords[1], (dwords[0] & CsRelative) != 0, value);
            }
        }

        return result;
    }

    /// <summary>Stores a register; with bit 21 only when the predicate holds.</summary>
    public static int StoreRegisterMem(CommandStreamer streamer, ReadOnlySpan<uint> dwords)
    {
        const uint predicated = 1u << 21;
        int result = CheckMemoryForm(streamer, dwords, out ulong address);
        return result < 0 || ((dwords[0] & predicated) != 0 && !streamer.Registers.Predicate)
            ? result
            : streamer.Store(address, streamer.Registers.Read(dwords[1], (dwords[0] & CsRelative) != 0), sizeof(uint));
    }

    public static int Math(CommandStreamer streamer, ReadOnlySpan<uint> dwords) =>
        CsAlu.TryExecute(dwords[1..], streamer.Registers)
            ? 0
            : streamer.Malformed("an ALU instruction has an operation or operand that there is none of");

    /// <summary>
    /// Computes the predicate: compares (bits 1:0), combines with what it was (4:3), and loads the result, or its inverse (7:6).
    /// </summary>
    public static int Predicate(CommandStreamer streamer, ReadOnlySpan<uint> dwords)
    {
        CsRegisters registers = streamer.Registers;
        uint header = dwords[0];
        uint load = header >> 6 & 3;
        bool? comparison = (header & 3) switch
        {
            0 => true,
            1 => false,
            2 => registers.PredicateSource0 == registers.PredicateSource1,
            _ => null,
        };
        if (comparison is not { } holds || load == 1)
        {
            return streamer.Malformed("the load operation is reserved, or the comparison of deltas, which is not supported");
        }

        bool before = registers.Predicate;
        bool combined = (header >> 3 & 3) switch
        {
            0 => holds,
            1 => before && holds,
            2 => before || holds,
            _ => before != holds,
        };
        registers.Predicate = load switch
        {
            0 => before,
            2 => combined,
            _ => !combined,
        };
        return 0;
    }

    private static int CheckMemoryForm(CommandStreamer streamer, ReadOnlySpan<uint> dwords, out ulong address)
    {
        address = CommandFields.Address(dwords[2..]);
        return (dwords[0] & CommandFields.GlobalGtt) != 0 ? streamer.Malformed(GlobalGttReason)
            : !CsRegisters.IsRegister(dwords[1]) ? streamer.Malformed(NoRegisterReason)
            : !CommandFields.IsAligned(address, sizeof(uint)) ? streamer.Malformed(AddressReason)
            : 0;
    }
}
