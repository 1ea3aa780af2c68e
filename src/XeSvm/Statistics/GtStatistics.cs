using XeSvm.Simulation.Gpu;

namespace XeSvm.Statistics;

/// <summary>
/// A snapshot of a GT's statistics: the text of <c>/sys/kernel/debug/dri/*/gt*/stats</c> (xe_gt_stats.c), from this machine's device, from
/// the software backend, or saved on any machine.
/// </summary>
public sealed class GtStatistics
{
    private GtStatistics(CounterSnapshot snapshot) => Snapshot = snapshot;

    /// <summary>
    /// The names that this version knows: those of Linux 7.3. Older kernels have fewer, newer ones more; a counter that is not among them
    /// is kept and shown all the same.
    /// </summary>
    public static IReadOnlySet<string> KnownNames { get; } =
        Enumerable.Range(0, GtCounterNames.Count).Select(index => GtCounterNames.Of((GtCounter)index)).ToHashSet(StringComparer.Ordinal);

    /// <summary>The counters as the text has them.</summary>
    public CounterSnapshot Snapshot { get; }

    /// <summary>Reads a text.</summary>
    /// <param name="text">The whole text.</param>
    /// <param name="source">The name that messages give it: a file's name, or <c>gt0/stats</c>.</param>
    /// <exception cref="CounterTextException">The text is not whole or not of this form; the message names the line.</exception>
    public static GtStatistics Parse(string text, string source) => new(CounterSnapshot.Parse(text, source));

    /// <summary>The statistics of several GTs together.</summary>
    /// <param name="statistics">Snapshots that were taken at one moment, at least one.</param>
    /// <exception cref="CounterTextException">A sum does not fit in 64 bits.</exception>
    public static GtStatistics Sum(IReadOnlyList<GtStatistics> statistics)
    {
        ArgumentNullException.ThrowIfNull(statistics);
        return new GtStatistics(CounterSnapshot.Sum([.. statistics.Select(one => one.Snapshot)]));
    }
}
