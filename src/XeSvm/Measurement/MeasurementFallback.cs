using XeSvm.Statistics;

namespace XeSvm.Measurement;

/// <summary>
/// What a run does when the GT statistics cannot be read: it times prefetches with this process's clock, and says what that cannot tell.
/// </summary>
internal static class MeasurementFallback
{
    /// <summary>What the clock of a request tells, and what it does not.</summary>
    private const string Loss =
        "Prefetches are timed instead, by this process's clock. What that cannot tell: CPU time and copy time apart (so no share, and nothing to " +
        "hold against the published figures), and whether the driver moved each range as a whole. The system call, the page tables and all waits " +
        "of the request are in the times.";

    private const string Remedy =
        "For the real figures run as root (sudo xesvm measure ...), with debugfs mounted (sudo mount -t debugfs none /sys/kernel/debug), on a " +
        "kernel with CONFIG_DEBUG_FS; 'xesvm doctor' looks at each of these.";

    /// <summary>Why the run falls back, or null when it need not.</summary>
    /// <exception cref="StatisticsUnavailableException">Faults were asked for, and there is no way to time them.</exception>
    internal static string? Of(MeasurementPlan plan, XeDevice device)
    {
        int gt = device.Engines.Count == 0 ? 0 : device.Engines.FirstOrDefault(engine => engine.EngineClass == XeEngineClass.Copy, device.Engines[0]).GtId;
        string? problem = plan.Sizes.Select(size => MigrationSnapshot.ProblemOf(device, gt, size)).FirstOrDefault(found => found is not null);
        return problem is not null && plan.Cause == MigrationCause.Fault
            ? throw new StatisticsUnavailableException($"{problem} Faults cannot be timed without them. {Remedy} Or measure prefetches.")
            : problem;
    }

    /// <summary>The notes about a fallback.</summary>
    internal static IReadOnlyList<string> Tell(string? problem, IMeasurementObserver observer)
    {
        if (problem is null)
        {
            return [];
        }

        string[] notes = [$"{problem} {Loss}", Remedy];
        foreach (string note in notes)
        {
            observer.Noted(note);
        }

        return notes;
    }
}
