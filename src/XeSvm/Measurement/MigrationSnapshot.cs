using XeSvm.Statistics;

namespace XeSvm.Measurement;

/// <summary>
/// The GT statistics of a device at one moment, all GTs together: a fault is counted on the GT that faulted, its copy on the GT of the tile
/// that owns the VRAM (xe_svm.c).
/// </summary>
internal sealed class MigrationSnapshot
{
    private const string CopiedKilobytes = "svm_device_copy_kb";

    /// <summary>What else of a fault's time the driver counts, by size.</summary>
    private static readonly string[] s_phases = ["pagefault_us", "get_pages_us", "bind_us"];

    private readonly GtStatistics _statistics;

    private MigrationSnapshot(GtStatistics statistics) => _statistics = statistics;

    /// <summary>Reads the statistics.</summary>
    /// <exception cref="StatisticsUnavailableException">Those of the engine's GT cannot be read.</exception>
    internal static MigrationSnapshot Take(XeDevice device, int gt)
    {
        GtStatistics first = device.ReadGtStatistics(gt);
        List<GtStatistics> all = [first];
        foreach (XeGt other in device.Gts)
        {
            if (other.Id != gt && device.TryReadGtStatistics(other.Id, out GtStatistics? statistics, out _))
            {
                all.Add(statistics);
            }
        }

        return new MigrationSnapshot(GtStatistics.Sum(all));
    }

    /// <summary>Why migrations of a size cannot be measured with the statistics of a device, or null when they can.</summary>
    internal static string? ProblemOf(XeDevice device, int gt, SvmSizeClass size)
    {
        if (!device.TryReadGtStatistics(gt, out GtStatistics? statistics, out string? reason))
        {
            return $"The GT statistics cannot be read: {reason}";
        }

        return statistics.Snapshot.TryGet($"svm_{size}_migrate_us", out _) && statistics.Snapshot.TryGet($"svm_{size}_device_copy_us", out _)
            ? null
            : $"gt{gt}/stats has no svm_{size}_migrate_us: the driver is older than the times of SVM migrations.";
    }

    /// <summary>The migrations that faults caused since an earlier snapshot.</summary>
    /// <param name="earlier">The earlier snapshot.</param>
    /// <param name="size">The ranges' size.</param>
    /// <param name="stores">How many ranges the GPU stored into in between: so many migrations there must be, each of a whole range.</param>
    /// <exception cref="MeasurementException">There were more or fewer.</exception>
    internal MigrationSample FaultsSince(MigrationSnapshot earlier, SvmSizeClass size, int stores)
    {
        GtStatisticsDelta delta = GtStatisticsDelta.Between(earlier._statistics, _statistics);
        MigrationTimes times = delta.TimesOf(size) ?? throw new MeasurementException(
            $"{_statistics.Snapshot.Source} has no counters of {size} migrations: the driver is older than the GT statistics of SVM.");
        if (times.Count != (ulong)stores)
        {
            throw new MeasurementException(
                $"{stores} GPU store(s) into {size} ranges caused {times.Count} {size} migrations (svm_{size}_migrate_count). Something else " +
                $"uses the device, or the driver moved other sizes: measure on an idle device. Counted: {DescribeFaults(delta)}.");
        }

        RequireWholeRanges(delta, size, stores);
        return new MigrationSample(stores, times.MigrateMicroseconds, times.DeviceCopyMicroseconds, PhasesOf(delta, size));
    }

    /// <summary>The migration that a prefetch caused since an earlier snapshot: its copy is counted, its other work is not.</summary>
    /// <exception cref="MeasurementException">There was another amount of copies.</exception>
    internal MigrationSample PrefetchSince(MigrationSnapshot earlier, SvmSizeClass size, ulong microseconds)
    {
        GtStatisticsDelta delta = GtStatisticsDelta.Between(earlier._statistics, _statistics);
        RequireWholeRanges(delta, size, 1);
        return new MigrationSample(
            1,
            microseconds,
            delta.Counters.TryGet($"svm_{size}_device_copy_us", out ulong copy) ? Math.Min(copy, microseconds) : null,
            []);
    }

    private static void RequireWholeRanges(GtStatisticsDelta delta, SvmSizeClass size, int count)
    {
        ulong expected = (ulong)size.Bytes / 1024 * (ulong)count;
        if (delta.Counters.TryGet(CopiedKilobytes, out ulong copied) && copied != expected)
        {
            throw new MeasurementException(
                $"{count} migration(s) of {size} copied {copied} KiB instead of {expected} ({CopiedKilobytes}): " +
                "some ranges did not move as a whole, or something else uses the device.");
        }
    }

    private static List<Counter> PhasesOf(GtStatisticsDelta delta, SvmSizeClass size) =>
    [
        .. s_phases
            .Select(name => (Name: name, Known: delta.Counters.TryGet($"svm_{size}_{name}", out ulong value), Value: value))
            .Where(phase => phase.Known)
            .Select(phase => new Counter(phase.Name, phase.Value, 0)),
    ];

    /// <summary>The counts of faults and migrations that moved, for messages.</summary>
    private static string DescribeFaults(GtStatisticsDelta delta)
    {
        string[] moved =
        [
            .. delta.Counters.Counters
                .Where(counter => counter.Value != 0 && counter.Name.StartsWith("svm_", StringComparison.Ordinal))
                .Where(counter => counter.Name.EndsWith("fault_count", StringComparison.Ordinal)
                    || counter.Name.EndsWith("migrate_count", StringComparison.Ordinal))
                .Select(counter => $"{counter.Name} {counter.Value}"),
        ];
        return moved.Length == 0 ? "no fault" : string.Join(", ", moved);
    }
}
