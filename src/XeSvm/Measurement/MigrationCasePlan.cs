using XeSvm.Statistics;

namespace XeSvm.Measurement;

/// <summary>What one case of a measurement does.</summary>
public sealed record MigrationCasePlan
{
    /// <summary>The ranges' size.</summary>
    public required SvmSizeClass Size { get; init; }

    /// <summary>Migrations to measure, at least 1.</summary>
    public required int Migrations { get; init; }

    /// <summary>Migrations that go ahead and do not count; <see langword="null"/>: as many as fit in 64 MiB, at most 64, and never more than are measured.</summary>
    public int? WarmUp { get; init; }

    /// <summary>What makes the memory move.</summary>
    public MigrationCause Cause { get; init; }

    /// <summary>What pages it consists of.</summary>
    public PageBacking Pages { get; init; }

    /// <summary>How often the counters are read.</summary>
    public SampleUnit Unit { get; init; }

    /// <summary>Whether a prefetch may be measured by this process's clock alone, when the GT statistics cannot be read.</summary>
    public bool WithoutStatistics { get; init; }
}
