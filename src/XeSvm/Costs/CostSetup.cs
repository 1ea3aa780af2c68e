using System.Globalization;
using XeSvm.Simulation.Cost;
using XeSvm.Simulation.Dma;
using XeSvm.Simulation.Iommu;
using XeSvm.Simulation.Memory;

namespace XeSvm.Costs;

/// <summary>What a migration's work depends on: its size, how its pages lie and are mapped, and the IOMMU.</summary>
public sealed record CostSetup
{
    /// <summary>The most pages of a migration: 32 MiB, far above the largest SVM range.</summary>
    public const int MostPages = 8192;

    /// <summary>The name of a walker that sees the CPU's caches.</summary>
    public const string CoherentName = "coherent";

    /// <summary>The name of a walker that does not.</summary>
    public const string NonCoherentName = "non-coherent";

    /// <summary>Pages of 4 KiB in one migration, from 1 to <see cref="MostPages"/>.</summary>
    public required int Pages { get; init; }

    /// <summary>How system pages are mapped; one of <see cref="Measurement.MappingStrategy.All"/>.</summary>
    public required string Strategy { get; init; }

    /// <summary>How the pages lie in physical memory: <c>scattered</c>, <c>runs:8</c> and so on.</summary>
    public required string Layout { get; init; }

    /// <summary>The IOMMU's mode.</summary>
    public required IommuMode Iommu { get; init; }

    /// <summary>Whether the IOMMU's page walker sees the CPU's caches; if not, every entry written is flushed.</summary>
    public bool CoherentWalker { get; init; } = true;

    /// <summary>Whether the IOMMU may cache entries that are not present, as virtual ones do. The kernel then makes lazy mode strict.</summary>
    public bool CachingMode { get; init; }

    /// <summary>Whether new mappings need a flush of the chipset's write buffer.</summary>
    public bool WriteBufferFlush { get; init; }

    /// <summary>Levels of the I/O page table: 3, 4 or 5.</summary>
    public int Levels { get; init; } = 4;

    /// <summary>
    /// Whether an unmap flushes what it visited instead of what it changed, as kernels of early 2026 did
    /// (until "iommupt: Only cache flush memory changed by unmap"). Shows on a non-coherent walker only.
    /// </summary>
    public bool FlushRegression { get; init; }

    /// <summary>The mode in force: <see cref="CachingMode"/> makes lazy mode strict.</summary>
    public IommuMode EffectiveMode => Options.EffectiveMode;

    /// <summary>The walker's name: <see cref="CoherentName"/> or <see cref="NonCoherentName"/>.</summary>
    public string Walker => CoherentWalker ? CoherentName : NonCoherentName;

    internal IommuOptions Options => new()
    {
        Mode = Iommu,
        CoherentWalker = CoherentWalker,
        CachingMode = CachingMode,
        WriteBufferFlush = WriteBufferFlush,
        Levels = Levels,
        FlushRegression = FlushRegression,
    };

    /// <summary>Folios of one migration: huge folios fill whole blocks of 2 MiB, all else is single pages.</summary>
    internal int Folios => ParsedLayout.IsHugeFolio && Pages % PageLayout.BlockPages == 0 ? Pages / PageLayout.BlockPages : Pages;

    private PageLayout ParsedLayout => PageLayout.Parse(Layout);

    /// <summary>One line of everything that a figure's label needs.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{Pages} pages, {Strategy}, IOMMU {EffectiveMode.ToString().ToLowerInvariant()}, walker {Walker}, {Levels} levels, " +
        $"caching mode {OnOff(CachingMode)}, flush regression {OnOff(FlushRegression)}, page layout {Layout}");

    /// <summary>Throws for values that no migration has.</summary>
    /// <exception cref="CostModelException">A value is not valid; the message says which and what is valid.</exception>
    internal void Validate()
    {
        if (Pages is < 1 or > MostPages)
        {
            throw new CostModelException($"{Pages} pages are not valid; 1 to {MostPages} are.");
        }

        try
        {
            MappingStrategy.Parse(Strategy);
            _ = ParsedLayout;
            Options.Validate();
        }
        catch (Exception exception) when (exception is FormatException or ArgumentException)
        {
            throw new CostModelException(exception.Message, exception);
        }
    }

    private static string OnOff(bool value) => value ? "on" : "off";

    /// <summary>Counts the work of migrations of this setup on a domain of their own.</summary>
    internal DmaWork Count(int migrations) =>
        MappingExperiment.Count(Options, MappingStrategy.Parse(Strategy), ParsedLayout, Pages, migrations);
}
