using System.Diagnostics.CodeAnalysis;

namespace XeSvm.Measurement;

/// <summary>The names that records and the command line use for what a measurement can be asked.</summary>
public static class MeasurementNames
{
    /// <summary>The clock of the GT statistics: <c>svm_*_migrate_us</c> and <c>svm_*_device_copy_us</c>.</summary>
    public const string StatisticsClock = "gt-statistics";

    /// <summary>This process's clock around the request that moves memory: system call, page tables and waits are in it.</summary>
    public const string RequestClock = "request";

    /// <summary>The causes by their names.</summary>
    public static IReadOnlyDictionary<string, MigrationCause> Causes { get; } =
        new Dictionary<string, MigrationCause> { ["fault"] = MigrationCause.Fault, ["prefetch"] = MigrationCause.Prefetch };

    /// <summary>The backings by their names.</summary>
    public static IReadOnlyDictionary<string, PageBacking> Pages { get; } =
        new Dictionary<string, PageBacking> { ["small"] = PageBacking.Small, ["huge"] = PageBacking.Huge };

    /// <summary>The sample units by their names.</summary>
    public static IReadOnlyDictionary<string, SampleUnit> Units { get; } =
        new Dictionary<string, SampleUnit> { ["migration"] = SampleUnit.Migration, ["round"] = SampleUnit.Round };

    /// <summary>The name of a value.</summary>
    /// <typeparam name="T">The kind of value.</typeparam>
    /// <param name="names">One of the tables of this class.</param>
    /// <param name="value">The value.</param>
    public static string NameOf<T>(IReadOnlyDictionary<string, T> names, [DisallowNull] T value)
        where T : struct
    {
        ArgumentNullException.ThrowIfNull(names);
        return names.First(pair => EqualityComparer<T>.Default.Equals(pair.Value, value)).Key;
    }
}
