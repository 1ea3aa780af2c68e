namespace XeSvm.Fuzz;

/// <summary>How a run went.</summary>
/// <param name="Calls">Steps run.</param>
/// <param name="Successes">How many of them were not refused.</param>
/// <param name="Elapsed">How long it took.</param>
/// <param name="Find">What was found; null: nothing.</param>
/// <param name="Sequence">The sequence that did it, when one alone did.</param>
internal sealed record FuzzResult(long Calls, long Successes, TimeSpan Elapsed, string? Find, FuzzSequence? Sequence)
{
    /// <summary>What each ioctl answered, of a run with one thread.</summary>
    public string Answers { get; init; } = "";

    /// <summary>Steps per second.</summary>
    public double Rate => Calls / Math.Max(Elapsed.TotalSeconds, 1e-9);
}
