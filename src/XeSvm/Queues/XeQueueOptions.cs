namespace XeSvm;

/// <summary>What a queue shall be like: the argument of EXEC_QUEUE_CREATE in words.</summary>
public sealed record XeQueueOptions
{
    /// <summary>
    /// The engines that may execute the batches, of one class and one GT: with a width of 1 any of them; with more, batch i of placement j
    /// on <c>Engines[j * Width + i]</c>, the engines of a placement being neighbours.
    /// </summary>
    public required IReadOnlyList<XeEngine> Engines { get; init; }

    /// <summary>How many batches each submission has, executed side by side; above 1 only on video engines.</summary>
    public int Width { get; init; } = 1;

    /// <summary>0 to 2, at most <see cref="XeConfiguration.MaximumPriority"/>; <see langword="null"/> for the driver's default.</summary>
    public int? Priority { get; init; }

    /// <summary>How long the queue may run before others get their turn, in whole microseconds; <see langword="null"/> for the default.</summary>
    public TimeSpan? Timeslice { get; init; }

    /// <summary>Asks for a higher GPU frequency while the queue has work.</summary>
    public bool LowLatencyHint { get; init; }

    /// <summary>The batches work on protected content (PXP).</summary>
    public bool ProtectedContent { get; init; }

    /// <summary>Turns a workaround of the state cache off; render queues only.</summary>
    public bool DisableStateCachePerfFix { get; init; }

    /// <summary>Makes the queue the first of a group of queues (multi-queue, Xe3p).</summary>
    public bool StartsGroup { get; init; }

    /// <summary>The first queue of the group that this one joins, or <see langword="null"/>.</summary>
    public XeQueue? GroupPrimary { get; init; }

    /// <summary>0 to 2 within the group; needs <see cref="StartsGroup"/> or <see cref="GroupPrimary"/>.</summary>
    public int? GroupPriority { get; init; }
}
