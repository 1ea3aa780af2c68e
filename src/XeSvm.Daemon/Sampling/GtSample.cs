using XeSvm.Hosting.Statistics;
using XeSvm.Statistics;

namespace XeSvm.Daemon.Sampling;

/// <summary>What one GT did between two readings. Sizes are in the order of <see cref="SvmCounters.Sizes"/>.</summary>
/// <param name="Device">The device's id.</param>
/// <param name="Backend">The backend that it is on.</param>
/// <param name="Gt">The GT.</param>
/// <param name="Time">When the interval ended.</param>
/// <param name="Seconds">How long it was.</param>
/// <param name="Sizes">The figures of each size.</param>
/// <param name="ToDeviceKilobytes">KiB copied to the device.</param>
/// <param name="ToSystemKilobytes">KiB copied to system memory.</param>
internal sealed record GtSample(
    string Device,
    string Backend,
    int Gt,
    DateTimeOffset Time,
    double Seconds,
    IReadOnlyList<SizeFigures> Sizes,
    long ToDeviceKilobytes,
    long ToSystemKilobytes)
{
    /// <summary>Makes a sample of how far the counters moved; what the driver does not count is 0.</summary>
    internal static GtSample Of(string device, string backend, int gt, DateTimeOffset time, double seconds, SvmCounters moved) => new(
        device,
        backend,
        gt,
        time,
        seconds,
        [.. SvmCounters.Sizes.Select(size => SizeFigures.Of(moved, size))],
        moved.DeviceCopyKilobytes ?? 0,
        moved.CpuCopyKilobytes ?? 0);
}

/// <summary>Migrations to the device of one size.</summary>
/// <param name="Migrations">How many.</param>
/// <param name="MigrateMicroseconds">Their time, in us.</param>
/// <param name="CopyMicroseconds">Of this the copy, in us.</param>
/// <param name="Faults">GPU page faults.</param>
internal readonly record struct SizeFigures(long Migrations, long MigrateMicroseconds, long CopyMicroseconds, long Faults)
{
    /// <summary>CPU time per migration in us; <see langword="null"/> without migrations, or when copies without migrations are among them.</summary>
    internal double? CpuMicroseconds => Migrations > 0 && MigrateMicroseconds >= CopyMicroseconds
        ? (double)(MigrateMicroseconds - CopyMicroseconds) / Migrations
        : null;

    /// <summary>CPU time as a part of the migrate time, 0 to 1.</summary>
    internal double? Share => CpuMicroseconds is not null && MigrateMicroseconds > 0
        ? (double)(MigrateMicroseconds - CopyMicroseconds) / MigrateMicroseconds
        : null;

    internal static SizeFigures Of(SvmCounters moved, SvmSizeClass size) => new(
        moved.Of(size, SvmCounter.MigrateCount) ?? 0,
        moved.Of(size, SvmCounter.MigrateMicroseconds) ?? 0,
        moved.Of(size, SvmCounter.DeviceCopyMicroseconds) ?? 0,
        moved.Of(size, SvmCounter.PagefaultCount) ?? 0);

    public static SizeFigures operator +(SizeFigures left, SizeFigures right) => new(
        left.Migrations + right.Migrations,
        left.MigrateMicroseconds + right.MigrateMicroseconds,
        left.CopyMicroseconds + right.CopyMicroseconds,
        left.Faults + right.Faults);
}
