namespace XeSvm.Simulation.Gpu;

/// <summary>Executes one command. 0: go on; <see cref="CommandStreamer.EndOfBatch"/>; or a negative errno, which ends the batch with an error.</summary>
/// <param name="streamer">The engine.</param>
/// <param name="dwords">The whole command, header first.</param>
internal delegate int CommandHandler(CommandStreamer streamer, ReadOnlySpan<uint> dwords);

/// <summary>One row of the command table.</summary>
/// <param name="Name">The documented name.</param>
/// <param name="MinDwords">Shortest form in dwords.</param>
/// <param name="MaxDwords">Longest form in dwords. A command with one form of one dword has no length field.</param>
/// <param name="Execute">What it does.</param>
internal sealed record Command(string Name, int MinDwords, int MaxDwords, CommandHandler Execute)
{
    private const uint LengthMask = 0xff;
    private const uint LongLengthMask = 0x3ff;
    private const int LengthBias = 2;

    /// <summary>The longest command that can be encoded.</summary>
    public const int LongestDwords = (int)LongLengthMask + LengthBias;

    /// <summary>Which engines have it.</summary>
    public CommandEngines Engines { get; init; }

    /// <summary>Whether the length field has 10 bits (MI_SDI_LEN_DW) instead of 8.</summary>
    public bool HasLongLength { get; init; }

    /// <summary>The command's length in dwords, or 0 when its header says one that it does not have.</summary>
    public int Length(uint header)
    {
        if (MaxDwords == 1)
        {
            return 1;
        }

        int dwords = (int)(header & (HasLongLength ? LongLengthMask : LengthMask)) + LengthBias;
        return dwords >= MinDwords && dwords <= MaxDwords ? dwords : 0;
    }

    /// <summary>Whether engines of a class have the command.</summary>
    public bool RunsOn(EngineClass engine) => Engines switch
    {
        CommandEngines.Copy => engine == EngineClass.Copy,
        CommandEngines.RenderAndCompute => engine is EngineClass.Render or EngineClass.Compute,
        _ => true,
    };
}
