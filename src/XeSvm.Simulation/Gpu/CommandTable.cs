namespace XeSvm.Simulation.Gpu;

/// <summary>
/// The commands that the command streamer knows. Bits 31:29 of the header are the client: 0 is MI, with the opcode in 28:23; 2 is the
/// blitter, with the opcode in 28:22; 3 is the render and compute pipeline, of which there is PIPE_CONTROL only. A command is added by adding
/// its row. (xe_mi_commands.h, xe_gpu_commands.h.)
/// </summary>
internal static class CommandTable
{
    private const int ClientShift = 29;
    private const uint ClientMi = 0;
    private const uint ClientBlitter = 2;
    private const uint ClientPipeline = 3;
    private const int MiOpcodeShift = 23;
    private const uint MiOpcodeMask = 0x3f;
    private const int BlitterOpcodeShift = 22;
    private const uint BlitterOpcodeMask = 0x7f;
    private const int PipelineOpcodeShift = 16;
    private const uint PipeControlOpcode = 0x7a00;

    private static readonly Command?[] s_mi = Index(
        MiOpcodeMask,
        (0x00, new Command("MI_NOOP", 1, 1, MiFlowCommands.Nothing)),
        (0x02, new Command("MI_USER_INTERRUPT", 1, 1, MiFlowCommands.UserInterrupt)),
        (0x05, new Command("MI_ARB_CHECK", 1, 1, MiFlowCommands.Nothing)),
        (0x08, new Command("MI_ARB_ON_OFF", 1, 1, MiFlowCommands.Nothing)),
        (0x09, new Command("MI_MEM_FENCE", 1, 1, MiFlowCommands.MemFence)),
        (0x0a, new Command("MI_BATCH_BUFFER_END", 1, 1, MiFlowCommands.BatchBufferEnd)),
        (0x0b, new Command("MI_SUSPEND_FLUSH", 1, 1, MiFlowCommands.Nothing)), // memory is coherent at all times
        (0x0c, new Command("MI_PREDICATE", 1, 1, MiRegisterCommands.Predicate)),
        (0x0d, new Command("MI_TOPOLOGY_FILTER", 1, 1, MiFlowCommands.Nothing)), // of threads behind a pipeline, which are not there
        (0x0e, new Command("MI_SET_APPID", 1, 1, MiFlowCommands.Nothing)), // of protected content, which is not there
        (0x1a, new Command("MI_MATH", 2, 257, MiRegisterCommands.Math)),
        (0x1c, new Command("MI_SEMAPHORE_WAIT", 4, 5, MiFlowCommands.SemaphoreWait)),
        (0x20, new Command("MI_STORE_DATA_IMM", 4, Command.LongestDwords, MiMemoryCommands.StoreDataImm) { HasLongLength = true }),
        (0x22, new Command("MI_LOAD_REGISTER_IMM", 3, 257, MiRegisterCommands.LoadRegisterImm)),
        (0x24, new Command("MI_STORE_REGISTER_MEM", 4, 4, MiRegisterCommands.StoreRegisterMem)),
        (0x26, new Command("MI_FLUSH_DW", 3, 5, MiMemoryCommands.FlushDw)),
        (0x29, new Command("MI_LOAD_REGISTER_MEM", 4, 4, MiRegisterCommands.LoadRegisterMem)),
        (0x2a, new Command("MI_LOAD_REGISTER_REG", 3, 3, MiRegisterCommands.LoadRegisterReg)),
        (0x2e, new Command("MI_COPY_MEM_MEM", 5, 5, MiMemoryCommands.CopyMemMem)),
        (0x2f, new Command("MI_ATOMIC", 3, 11, MiAtomicCommand.Execute)),
        (0x31, new Command("MI_BATCH_BUFFER_START", 3, 3, MiFlowCommands.BatchBufferStart)),
        (0x36, new Command("MI_CONDITIONAL_BATCH_BUFFER_END", 4, 4, MiFlowCommands.ConditionalBatchBufferEnd)));

    private static readonly Command?[] s_blitter = Index(
        BlitterOpcodeMask,
        (0x42, new Command("XY_FAST_COPY_BLT", 10, 10, FastCopyCommand.Execute) { Engines = CommandEngines.Copy }),
        (0x5a, new Command("MEM_COPY", 10, 10, CopyCommands.MemCopy) { Engines = CommandEngines.Copy }),
        (0x5b, new Command("MEM_SET", 7, 7, CopyCommands.MemSet) { Engines = CommandEngines.Copy }));

    private static readonly Command s_pipeControl =
        new("PIPE_CONTROL", 6, 6, PipeControlCommand.Execute) { Engines = CommandEngines.RenderAndCompute };

    /// <summary>The command of a header, or null.</summary>
    public static Command? Find(uint header) => (header >> ClientShift) switch
    {
        ClientMi => s_mi[header >> MiOpcodeShift & MiOpcodeMask],
        ClientBlitter => s_blitter[header >> BlitterOpcodeShift & BlitterOpcodeMask],
        ClientPipeline => header >> PipelineOpcodeShift == PipeControlOpcode ? s_pipeControl : null,
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
