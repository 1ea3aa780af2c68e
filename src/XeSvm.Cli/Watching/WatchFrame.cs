using System.Diagnostics;
using XeSvm.Statistics;

namespace XeSvm.Cli.Watching;

/// <summary>What the GTs did between two samples.</summary>
/// <param name="Interval">The time between the samples.</param>
/// <param name="Gts">The GTs.</param>
internal sealed record WatchFrame(TimeSpan Interval, IReadOnlyList<WatchedGt> Gts)
{
    /// <summary>Computes the frame.</summary>
    internal static WatchFrame Between(WatchSample before, WatchSample after) => new(
        Stopwatch.GetElapsedTime(before.Timestamp, after.Timestamp),
        [
            .. before.Gts.Keys.Concat(after.Gts.Keys).Concat(after.Unreadable.Keys).Distinct().Order().Select(gt =>
                WatchedGt.Between(gt, before.Gts.GetValueOrDefault(gt), after.Gts.GetValueOrDefault(gt), after.Unreadable.GetValueOrDefault(gt))),
        ]);
}

/// <summary>What one GT did.</summary>
/// <param name="Gt">Its number.</param>
/// <param name="Sizes">What happened to each size of ranges that the driver counts.</param>
/// <param name="Others">Other counters that moved.</param>
/// <param name="Problem">Why nothing can be told; null when it can.</param>
internal sealed record WatchedGt(int Gt, IReadOnlyList<WatchedSize> Sizes, IReadOnlyList<Counter> Others, string? Problem)
{
    private static readonly string[] s_shown = ["_migrate_count", "_migrate_us", "_pagefault_count", "_device_copy_us"];

    /// <summary>Computes it; a GT whose counters ran backwards was reset, which is a problem of one frame only.</summary>
    internal static WatchedGt Between(int gt, GtStatistics? before, GtStatistics? after, string? reason)
    {
        if (before is null || after is null)
        {
            return new WatchedGt(gt, [], [], reason ?? "The statistics can be read again.");
        }

        try
        {
            GtStatisticsDelta delta = GtStatisticsDelta.Between(before, after);
            WatchedSize[] sizes = [.. SvmSizeClass.All.Select(size => WatchedSize.Of(size, delta.Counters, after.Snapshot)).OfType<WatchedSize>()];
            return new WatchedGt(gt, sizes, [.. delta.Counters.Counters.Where(counter => counter.Value != 0 && !IsShown(counter.Name))], null);
        }
        catch (CounterTextException exception)
        {
            return new WatchedGt(gt, [], [], exception.Message);
        }
    }

    private static bool IsShown(string name) =>
        SvmSizeClass.All.Any(size => s_shown.Any(end => name == $"svm_{size}{end}"));
}

/// <summary>What happened to ranges of one size.</summary>
/// <param name="Size">The size.</param>
/// <param name="Faults">Faults in the interval.</param>
/// <param name="Migrations">Migrations to the device in the interval.</param>
/// <param name="CpuUs">CPU time of one migration in us; null when there was none, or copies of others are among the figures.</param>
/// <param name="CopyUs">Copy time of one migration in us; null likewise.</param>
/// <param name="Total">Migrations since the statistics were set to zero.</param>
internal sealed record WatchedSize(SvmSizeClass Size, ulong Faults, ulong Migrations, double? CpuUs, double? CopyUs, ulong Total)
{
    /// <summary>CPU time as a share of the migrate time.</summary>
    internal double? Share => CpuUs + CopyUs is > 0 and { } whole ? CpuUs / whole : null;

    /// <summary>Computes it; null when the driver does not count this size.</summary>
    internal static WatchedSize? Of(SvmSizeClass size, CounterDelta delta, CounterSnapshot now)
    {
        if (!delta.TryGet($"svm_{size}_pagefault_count", out ulong faults))
        {
            return null;
        }

        delta.TryGet($"svm_{size}_migrate_count", out ulong migrations);
        delta.TryGet($"svm_{size}_migrate_us", out ulong whole);
        delta.TryGet($"svm_{size}_device_copy_us", out ulong copy);
        bool isKnown = migrations > 0 && copy <= whole;
        return new WatchedSize(
            size,
            faults,
            migrations,
            isKnown ? (whole - copy) / (double)migrations : null,
            isKnown ? copy / (double)migrations : null,
            now.TryGet($"svm_{size}_migrate_count", out Counter total) ? total.Value : 0);
    }
}
