namespace XeSvm.Simulation.Gpu;

/// <summary>
/// MI_ATOMIC of 4 and 8 bytes with inline data, and the increment and decrement that need none. Operands in registers, returned data and the
/// 16-byte form are not supported.
/// </summary>
internal static class MiAtomicCommand
{
    private const int InlineDwords = 11;
    private const int BareDwords = 3;

    public static int Execute(CommandStreamer streamer, ReadOnlySpan<uint> dwords)
    {
        const int dataSizeShift = 19;
        const uint dataSizeMask = 3;
        const uint inlineData = 1u << 18;
        const uint returnData = 1u << 16;
        const int opcodeShift = 8;
        const uint opcodeMask = 0xff;
        const uint opcode8Bytes = 0x20;

        uint header = dwords[0];
        uint encoded = header >> opcodeShift & opcodeMask;
        var opcode = (AtomicOpcode)(encoded & ~opcode8Bytes);
        bool wide = (encoded & opcode8Bytes) != 0;
        int size = wide ? sizeof(ulong) : sizeof(uint);
        bool hasData = (header & inlineData) != 0;
        ulong address = CommandFields.Address(dwords[1..]);
        if ((header & CommandFields.GlobalGtt) != 0)
        {
            return streamer.Malformed("it asks for the global GTT");
        }

        if (opcode is < AtomicOpcode.And or > AtomicOpcode.CompareAndWrite)
        {
            return streamer.Malformed("its operation is none of 0x01 to 0x0e and 0x21 to 0x2e");
        }

        if ((header & returnData) != 0 || (!hasData && opcode is not (AtomicOpcode.Increment or AtomicOpcode.Decrement)))
        {
            return streamer.Malformed("data in registers, given or returned, is not supported");
        }

        if ((header >> dataSizeShift & dataSizeMask) != (wide ? 1u : 0u) || dwords.Length != (hasData ? InlineDwords : BareDwords))
        {
            return streamer.Malformed("its data size or length is not that of its operation");
        }

        if (!CommandFields.IsAligned(address, size))
        {
            return streamer.Malformed("the address is not a multiple of the data size");
        }

        // The first operand's dwords alternate with the second's.
        return streamer.Atomic(address, new AtomicOperation(
            opcode,
            size,
            hasData ? dwords[3] | (ulong)dwords[5] << 32 : 0,
            hasData ? dwords[4] | (ulong)dwords[6] << 32 : 0));
    }
}
