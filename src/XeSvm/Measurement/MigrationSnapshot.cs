using XeSvm.Interop;
using XeSvm.Statistics;

namespace XeSvm.Measurement;

/// <summary>The device's counters at one moment.</summary>
internal sealed class MigrationSnapshot
{
    private const string DmaName = "dma";
    private const string ToDevicePrefix = "migrate_to_device.";
    private const string CopiedKilobytes = "svm_device_copy_kb";

    private readonly GtStatistics _statistics;
    private readonly CounterSnapshot? _dma;

    private MigrationSnapshot(GtStatistics statistics, CounterSnapshot? dma)
    {
        _statistics = statistics;
        _dma = dma;
    }

    /// <summary>Reads the counters. Only the DMA counters may be missing: the kernel has none.</summary>
    /// <exception cref="StatisticsUnavailableException">The GT statistics cannot be read.</exception>
    internal static MigrationSnapshot Take(XeDevice device, int gt)
    {
        GtStatistics statistics = device.ReadGtStatistics(gt);
        DrmDebugText dma = device.ReadDebugFile(DmaName);
        return new MigrationSnapshot(statistics, dma.IsAvailable ? CounterSnapshot.Parse(dma.Text, DmaName) : null);
    }

    /// <summary>The migrations to the device since an earlier snapshot.</summary>
    /// <param name="earlier">The earlier snapshot.</param>
    /// <param name="size">The ranges' size.</param>
    /// <param name="stores">How many ranges the GPU stored into in between: so many migrations there must be, each of a whole range.</param>
    /// <exception cref="MeasurementException">There were more or fewer.</exception>
    internal (MigrationTimes Times, IReadOnlyList<Counter> Counters) Since(MigrationSnapshot earlier, SvmSizeClass size, int stores)
    {
        GtStatisticsDelta delta = GtStatisticsDelta.Between(earlier._statistics, _statistics);
        MigrationTimes times = delta.TimesOf(size) ?? throw new MeasurementException(
            $"{_statistics.Snapshot.Source} has no counters of {size} migrations: the driver is older than the GT statistics of SVM.");
        if (times.Count != (ulong)stores)
        {
            throw new MeasurementException(
                $"{stores} GPU stores into {size} ranges caused {times.Count} {size} migrations (svm_{size}_migrate_count). Something else " +
                $"uses the device, or the driver moved other sizes: measure on an idle device. Counted: {DescribeFaults(delta)}.");
        }

        ulong expected = (ulong)size.Bytes / 1024 * (ulong)stores;
        if (delta.Counters.TryGet(CopiedKilobytes, out ulong copied) && copied != expected)
        {
            throw new MeasurementException(
                $"{stores} migrations of {size} copied {copied} KiB instead of {expected} ({CopiedKilobytes}): " +
                "some ranges did not move as a whole.");
        }

        return (times, CountersSince(earlier));
    }

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

    private List<Counter> CountersSince(MigrationSnapshot earlier) => _dma is null || earlier._dma is null
        ? []
        : [.. CounterDelta.Between(earlier._dma, _dma).Counters
            .Where(counter => counter.Name.StartsWith(ToDevicePrefix, StringComparison.Ordinal))
            .Select(counter => counter with { Name = counter.Name[ToDevicePrefix.Length..] })];
}
