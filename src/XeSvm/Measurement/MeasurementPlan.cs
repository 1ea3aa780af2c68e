using XeSvm.Costs;
using XeSvm.Simulation.Iommu;
using XeSvm.Statistics;

namespace XeSvm.Measurement;

/// <summary>What a run shall measure. What is <see langword="null"/> is left to the defaults, or to the kernel on the kernel backend.</summary>
public sealed record MeasurementPlan
{
    /// <summary>Migrations per case unless something else is asked for: as many as the published figures are taken over.</summary>
    public const int DefaultMigrations = 896;

    /// <summary>Migrations per case of <see cref="Matrix"/>: counts are exact with few, and there are many cases.</summary>
    public const int MatrixMigrations = 32;

    /// <summary>A plan with every size, strategy, IOMMU mode and walker, and the layouts that differ in their runs.</summary>
    public static MeasurementPlan Matrix => new()
    {
        Sizes = SvmSizeClass.All,
        Strategies = MappingStrategy.All,
        IommuModes = [IommuMode.Strict, IommuMode.Lazy, IommuMode.Passthrough, IommuMode.Off],
        CoherentWalkers = [true, false],
        Layouts = ["scattered", "descending", "runs:8", "contiguous", "contiguous-unaligned", "huge"],
        Migrations = MatrixMigrations,
    };

    /// <summary>The backend, or <see langword="null"/> for <c>XESVM_BACKEND</c> and then auto.</summary>
    public BackendChoice? Backend { get; init; }

    /// <summary>The ranges' sizes; by default those of the published figures.</summary>
    public IReadOnlyList<SvmSizeClass> Sizes { get; init; } = [SvmSizeClass.Size2M, SvmSizeClass.Size64K];

    /// <summary>
    /// The strategies, of <see cref="MappingStrategy"/>; by default those of the published figures. This and what follows up to
    /// <see cref="FlushRegression"/> can be chosen on the software backend only. Every combination of the lists is measured.
    /// </summary>
    public IReadOnlyList<string>? Strategies { get; init; }

    /// <summary>The IOMMU's modes; by default that of the profile's calibration, or strict without a profile.</summary>
    public IReadOnlyList<IommuMode>? IommuModes { get; init; }

    /// <summary>
    /// Whether the IOMMU's page walker sees the CPU's caches; by default as in the profile's calibration, or that it does without a profile.
    /// </summary>
    public IReadOnlyList<bool>? CoherentWalkers { get; init; }

    /// <summary>How the pages lie in physical memory; by default scattered.</summary>
    public IReadOnlyList<string>? Layouts { get; init; }

    /// <summary>Whether the IOMMU may cache entries that are not present; by default not.</summary>
    public bool? CachingMode { get; init; }

    /// <summary>Levels of the I/O page table, 3 to 5; by default 4.</summary>
    public int? Levels { get; init; }

    /// <summary>Whether an unmap flushes what it visited instead of what it changed; by default not.</summary>
    public bool? FlushRegression { get; init; }

    /// <summary>What makes modelled time of the counters of each case; <see langword="null"/>: nothing, and there is none.</summary>
    public CostModel? Profile { get; init; }

    /// <summary>
    /// What makes memory move; <see langword="null"/>: faults, or prefetches where the GT statistics cannot be read. Then the record says so.
    /// </summary>
    public MigrationCause? Cause { get; init; }

    /// <summary>What pages the memory consists of.</summary>
    public PageBacking Pages { get; init; }

    /// <summary>How often the counters are read.</summary>
    public SampleUnit Unit { get; init; }

    /// <summary>Migrations that go ahead of each case and do not count; <see langword="null"/>: as many as one round can hold.</summary>
    public int? WarmUp { get; init; }

    /// <summary>The record's name, or <see langword="null"/>.</summary>
    public string? Name { get; init; }

    /// <summary>Migrations per case, at least 1.</summary>
    public int Migrations { get; init; } = DefaultMigrations;
}
