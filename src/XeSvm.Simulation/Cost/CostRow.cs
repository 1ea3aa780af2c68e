using XeSvm.Simulation.Dma;
using XeSvm.Simulation.Iommu;
using XeSvm.Simulation.Memory;

namespace XeSvm.Simulation.Cost;

/// <summary>One figure of CPU time a migration, with the setup that it belongs to.</summary>
internal sealed record CostRow
{
    /// <summary>Name, unique in its profile.</summary>
    public required string Name { get; init; }

    /// <summary>What the row is to its profile.</summary>
    public required CostRowRole Role { get; init; }

    /// <summary>Pages of 4 KiB in a migration.</summary>
    public required int Pages { get; init; }

    /// <summary>The mapping strategy's name.</summary>
    public required string Strategy { get; init; }

    /// <summary>The page layout's name.</summary>
    public required string Layout { get; init; }

    /// <summary>The IOMMU mode.</summary>
    public required IommuMode Mode { get; init; }

    /// <summary>Whether the walker is coherent.</summary>
    public required bool CoherentWalker { get; init; }

    /// <summary>Whether the kernel had the flush regression.</summary>
    public bool FlushRegression { get; init; }

    /// <summary>The figure.</summary>
    public required double Value { get; init; }

    /// <summary>Where it comes from.</summary>
    public required string Source { get; init; }

    /// <summary>The IOMMU of the setup.</summary>
    public IommuOptions Iommu => new() { Mode = Mode, CoherentWalker = CoherentWalker, FlushRegression = FlushRegression };

    /// <summary>Entries of the migration's page array that hold a folio.</summary>
    public int Folios => PageLayout.Parse(Layout).IsHugeFolio && Pages % PageLayout.BlockPages == 0 ? Pages / PageLayout.BlockPages : Pages;

    /// <summary>Counts the work of the setup.</summary>
    /// <param name="migrations">How many migrations to count.</param>
    public DmaWork Count(int migrations) =>
        MappingExperiment.Count(Iommu, MappingStrategy.Parse(Strategy), PageLayout.Parse(Layout), Pages, migrations);
}
