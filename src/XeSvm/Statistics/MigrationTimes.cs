using System.Numerics;

namespace XeSvm.Statistics;

/// <summary>
/// The time of the migrations of one size class between two snapshots of the GT statistics, split as xe_svm.c splits it: the copy
/// callback, and everything else of the migrate step.
/// </summary>
/// <remarks>
/// The published figures come out digit for digit under one pair of rules: the average is the nearest number with 20 digits behind
/// the point, the share is cut after 20 digits. No other combination of the two reproduces all of them.
/// </remarks>
public sealed record MigrationTimes
{
    /// <summary>Digits behind the point of the published averages and shares.</summary>
    public const int PublishedDigits = 20;

    /// <summary>Makes the figures from totals.</summary>
    /// <param name="sizeClass">The ranges' size.</param>
    /// <param name="count">Migrations; <c>svm_*_migrate_count</c>.</param>
    /// <param name="migrateMicroseconds">Total of <c>svm_*_migrate_us</c>, in us.</param>
    /// <param name="deviceCopyMicroseconds">Total of <c>svm_*_device_copy_us</c>, in us.</param>
    /// <exception cref="CounterTextException">The totals contradict each other.</exception>
    public MigrationTimes(SvmSizeClass sizeClass, ulong count, ulong migrateMicroseconds, ulong deviceCopyMicroseconds)
    {
        ArgumentNullException.ThrowIfNull(sizeClass);
        if (deviceCopyMicroseconds > migrateMicroseconds)
        {
            throw new CounterTextException(
                $"svm_{sizeClass}_device_copy_us moved by {deviceCopyMicroseconds}, more than svm_{sizeClass}_migrate_us, which moved by " +
                $"{migrateMicroseconds}: copies that no GPU fault caused (prefetch, another VM) are among the figures, so there is no CPU " +
                "time to tell.");
        }

        if (count == 0 && migrateMicroseconds != 0)
        {
            throw new CounterTextException(
                $"svm_{sizeClass}_migrate_us moved by {migrateMicroseconds} while svm_{sizeClass}_migrate_count did not move: " +
                "the first snapshot was taken during a migration.");
        }

        SizeClass = sizeClass;
        Count = count;
        MigrateMicroseconds = migrateMicroseconds;
        DeviceCopyMicroseconds = deviceCopyMicroseconds;
    }

    /// <summary>The ranges' size.</summary>
    public SvmSizeClass SizeClass { get; }

    /// <summary>Migrations.</summary>
    public ulong Count { get; }

    /// <summary>Time of the migrate steps, in us.</summary>
    public ulong MigrateMicroseconds { get; }

    /// <summary>Time of the copies to the device, from submission to the fence, in us.</summary>
    public ulong DeviceCopyMicroseconds { get; }

    /// <summary>Time of the migrate steps outside the copies, in us. Wall time: lock waits and allocation are in it.</summary>
    public ulong CpuMicroseconds => MigrateMicroseconds - DeviceCopyMicroseconds;

    /// <summary>CPU time per migration in us; <see langword="null"/> when there was no migration.</summary>
    public ExactRatio? CpuAverage => Average(CpuMicroseconds);

    /// <summary>Copy time per migration in us; <see langword="null"/> when there was no migration.</summary>
    public ExactRatio? CopyAverage => Average(DeviceCopyMicroseconds);

    /// <summary>Migrate time per migration in us; <see langword="null"/> when there was no migration.</summary>
    public ExactRatio? MigrateAverage => Average(MigrateMicroseconds);

    /// <summary>CPU time as a share of the migrate time, 0 to 1; <see langword="null"/> when no time was counted.</summary>
    public ExactRatio? Share => MigrateMicroseconds == 0 ? null : new ExactRatio(CpuMicroseconds, MigrateMicroseconds);

    /// <summary>The CPU average as the published figures are printed, or <see langword="null"/>.</summary>
    public string? CpuAverageText => CpuAverage?.ToBcString(PublishedDigits, DecimalRounding.Nearest);

    /// <summary>The share as the published figures are printed, or <see langword="null"/>.</summary>
    public string? ShareText => Share?.ToBcString(PublishedDigits, DecimalRounding.Truncate);

    /// <summary>Adds the totals of another stretch of the same size class.</summary>
    /// <param name="other">The other stretch.</param>
    /// <exception cref="ArgumentException">The other stretch is of another size class.</exception>
    /// <exception cref="OverflowException">A sum does not fit in 64 bits.</exception>
    public MigrationTimes Add(MigrationTimes other)
    {
        ArgumentNullException.ThrowIfNull(other);
        if (other.SizeClass != SizeClass)
        {
            throw new ArgumentException($"Times of {other.SizeClass} ranges cannot be added to times of {SizeClass} ranges.", nameof(other));
        }

        return new MigrationTimes(
            SizeClass,
            checked(Count + other.Count),
            checked(MigrateMicroseconds + other.MigrateMicroseconds),
            checked(DeviceCopyMicroseconds + other.DeviceCopyMicroseconds));
    }

    private ExactRatio? Average(ulong total) => Count == 0 ? null : new ExactRatio(total, (BigInteger)Count);
}
