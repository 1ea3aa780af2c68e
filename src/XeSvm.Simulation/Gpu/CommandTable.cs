namespace XeSvm.Simulation.Gpu;

/// <summary>
/// The commands that the command streamer knows. Bits 31:29 of the header are the client: 0 is MI, with the opcode in 28:23, and 2 is the
/// blitter, with the opcode in 28:22. A command is added by adding its row.
/// </summary>
internal static class CommandTable
{
    private const int ClientShift = 29;
    private const uint ClientMi = 0;
    private const uint ClientBlitter = 2;
    private const int MiOpcodeShift = 23;
    private const uint MiOpcodeMask = 0x3f;
    private const int BlitterOpcodeShift = 22;
    private const uint BlitterOpcodeMask = 0x7f;

    private static readonly Command?[] s_mi = Index(
        MiOpcodeMask,
        (0x00, new Command("MI_NOOP", 1, 1, false, MiCommands.Nothing)),
        (0x05, new Command("MI_ARB_CHECK", 1, 1, false, MiCommands.Nothing)),
        (0x09, new Command("MI_MEM_FENCE", 1, 1, false, MiCommands.MemFence)),
        (0x0a, new Command("MI_BATCH_BUFFER_END", 1, 1, false, MiCommands.BatchBufferEnd)),
        (0x20, new Command("MI_STORE_DATA_IMM", 4, 5, false, MiCommands.StoreDataImm)),
        (0x26, new Command("MI_FLUSH_DW", 3, 5, false, MiCommands.FlushDw)),
        (0x2f, new Command("MI_ATOMIC", 3, 11, false, MiCommands.Atomic)),
        (0x31, new Command("MI_BATCH_BUFFER_START", 3, 3, false, MiCommands.BatchBufferStart)),
        (0x36, new Command("MI_CONDITIONAL_BATCH_BUFFER_END", 4, 4, false, MiCommands.ConditionalBatchBufferEnd)));

    private static readonly Command?[] s_blitter = Index(
        BlitterOpcodeMask,
        (0x5a, new Command("MEM_COPY", 10, 10, true, CopyCommands.MemCopy)),
        (0x5b, new Command("MEM_SET", 7, 7, true, CopyCommands.MemSet)));

    /// <summary>The command of a header, or null.</summary>
    public static Command? Find(uint header) => (header >> ClientShift) switch
    {
        ClientMi => s_mi[header >> MiOpcodeShift & MiOpcodeMask],
        ClientBlitter => s_blitter[header >> BlitterOpcodeShift & BlitterOpcodeMask],
        _ => null,
    };

    private static Command?[] Index(uint mask, params ReadOnlySpan<(int Opcode, Command Command)> rows)
    {
        var table = new Command?[mask + 1];
        foreach ((int opcode, Command command) in rows)
        {
            table[opcode] = command;
        }

        return table;
    }
}
