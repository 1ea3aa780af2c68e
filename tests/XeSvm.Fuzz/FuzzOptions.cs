namespace XeSvm.Fuzz;

/// <summary>What a run does.</summary>
internal sealed record FuzzOptions
{
    /// <summary>What all sequences are a function of.</summary>
    public ulong Seed { get; init; } = (ulong)Environment.TickCount64;

    /// <summary>Replay: which sequence of the run with that seed; null: those of files.</summary>
    public long? Sequence { get; init; }

    /// <summary>When to stop.</summary>
    public TimeSpan Duration { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>When to stop, in steps.</summary>
    public long MostCalls { get; init; } = long.MaxValue;

    /// <summary>Steps of a sequence.</summary>
    public int Length { get; init; } = 40;

    /// <summary>1: one sequence after the other, with the state audit. More: all at once on shared files.</summary>
    public int Threads { get; init; } = 1;

    /// <summary>auto or coherent.</summary>
    public string CpuFaults { get; init; } = "auto";

    /// <summary>How long a step may take.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Where sequences are written to that did not go well.</summary>
    public string Folder { get; init; } = Path.GetTempPath();

    /// <summary>Told which sequence begins, so that it is known when the process dies.</summary>
    public Action<long>? OnSequence { get; init; }
}
