using XeSvm.Simulation.Iommu;
using XeSvm.Statistics;

namespace XeSvm.Measurement;

/// <summary>What a run shall measure. What is <see langword="null"/> is left to the defaults, or to the kernel on the kernel backend.</summary>
public sealed record MeasurementPlan
{
    /// <summary>Migrations per case unless something else is asked for: as many as the published figures are taken over.</summary>
    public const int DefaultMigrations = 896;

    /// <summary>The backend, or <see langword="null"/> for <c>XESVM_BACKEND</c> and then auto.</summary>
    public BackendChoice? Backend { get; init; }

    /// <summary>The ranges' sizes; by default those of the published figures.</summary>
    public IReadOnlyList<SvmSizeClass> Sizes { get; init; } = [SvmSizeClass.Size2M, SvmSizeClass.Size64K];

    /// <summary>The strategies, of <see cref="MappingStrategy"/>; by default all. Only the software backend has a choice.</summary>
    public IReadOnlyList<string>? Strategies { get; init; }

    /// <summary>The IOMMU's mode; by default strict. Only the software backend has a choice.</summary>
    public IommuMode? Iommu { get; init; }

    /// <summary>How the pages lie in physical memory; by default scattered. Only the software backend has a choice.</summary>
    public string? Layout { get; init; }

    /// <summary>Migrations per case, at least 1.</summary>
    public int Migrations { get; init; } = DefaultMigrations;
}
