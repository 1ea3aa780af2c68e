using XeSvm.Simulation.Iommu;

namespace XeSvm.Simulation.Cost;

/// <summary>
/// Named unit costs that turn counters into modelled CPU time: cpu = fixed + per-folio * folios + sum(unit cost * counter). Modelled time
/// depends on nothing else. It never is a measurement, and says which profile it comes from.
/// </summary>
internal sealed record CostProfile
{
    /// <summary>Name of the term that each migration pays once.</summary>
    public const string FixedTerm = "fixed";

    /// <summary>Name of the term that each folio pays outside of DMA mapping.</summary>
    public const string FolioTerm = "folio";

    private readonly double[] _unitCosts = new double[DmaWork.Names.Length];

    /// <summary>The profile's name.</summary>
    public required string Name { get; init; }

    /// <summary>What it models, in a sentence or two.</summary>
    public required string Description { get; init; }

    /// <summary>Unit of all costs: "us", or "units" for a profile that is no time.</summary>
    public required string Unit { get; init; }

    /// <summary>Where the constants come from.</summary>
    public IReadOnlyList<string> Sources { get; init; } = [];

    /// <summary>The IOMMU modes that the unit costs hold for; empty: all.</summary>
    public IReadOnlyList<IommuMode> Modes { get; init; } = [];

    /// <summary>Cost of a migration itself.</summary>
    public double Fixed { get; init; }

    /// <summary>Cost of one folio outside of DMA mapping: collect, unmap, install.</summary>
    public double PerFolio { get; init; }

    /// <summary>Cost of a copy itself, apart from CPU time.</summary>
    public double CopyFixed { get; init; }

    /// <summary>Cost of copying one 4 KiB page.</summary>
    public double CopyPerPage { get; init; }

    /// <summary>Relative part of the noise floor.</summary>
    public double RelativeNoise { get; init; }

    /// <summary>Absolute part of the noise floor.</summary>
    public double AbsoluteNoise { get; init; }

    /// <summary>Counters whose cost is an assumption, with the range to sweep.</summary>
    public IReadOnlyDictionary<string, (double Low, double High)> Assumed { get; init; } =
        new Dictionary<string, (double Low, double High)>();

    /// <summary>Published figures: calibrated and checked rows are kept apart.</summary>
    public IReadOnlyList<CostRow> Rows { get; init; } = [];

    /// <summary>Costs of the counters, in the order of <see cref="DmaWork.Names"/>.</summary>
    public ReadOnlySpan<double> UnitCosts
    {
        get => _unitCosts;
        init
        {
            _unitCosts = new double[DmaWork.Names.Length];
            value.CopyTo(_unitCosts);
        }
    }

    /// <summary>Modelled CPU cost of one migration.</summary>
    /// <param name="work">Work of all migrations.</param>
    /// <param name="folios">Folios of one migration.</param>
    /// <param name="migrations">Number of migrations.</param>
    public double Cpu(in DmaWork work, int folios, long migrations = 1)
    {
        double sum = 0;
        ReadOnlySpan<ulong> counts = DmaWork.ReadValues(in work);
        for (int i = 0; i < counts.Length; i++)
        {
            sum += counts[i] * _unitCosts[i];
        }

        return Fixed + (PerFolio * folios) + (sum / migrations);
    }

    /// <summary>Modelled cost of copying, apart from CPU time.</summary>
    public double Copy(int pages) => CopyFixed + (CopyPerPage * pages);

    /// <summary>The noise floor of a figure: differences below it mean nothing.</summary>
    public double Noise(double value) => Math.Max(AbsoluteNoise, RelativeNoise * value);

    /// <summary>Where the CPU cost of one migration comes from: every term that is not zero, the largest first.</summary>
    public IReadOnlyList<CostTerm> Explain(in DmaWork work, int folios, long migrations = 1)
    {
        List<CostTerm> terms = [new(FixedTerm, 1, Fixed), new(FolioTerm, folios, PerFolio)];
        ReadOnlySpan<ulong> counts = DmaWork.ReadValues(in work);
        for (int i = 0; i < counts.Length; i++)
        {
            terms.Add(new CostTerm(DmaWork.Names[i], (double)counts[i] / migrations, _unitCosts[i]));
        }

        return [.. terms.Where(term => term.Cost != 0).OrderByDescending(term => term.Cost)];
    }

    /// <summary>Why the unit costs do not hold for an IOMMU; null when they do.</summary>
    public string? Mismatch(IommuOptions options) => Modes.Count == 0 || Modes.Contains(options.EffectiveMode)
        ? null
        : $"Profile '{Name}' holds for IOMMU mode {string.Join(" or ", Modes).ToLowerInvariant()}, not for "
            + $"{options.EffectiveMode.ToString().ToLowerInvariant()}.";

    /// <summary>A value that identifies the constants: equal profiles give equal times.</summary>
    public bool HasSameCosts(CostProfile other) =>
        Fixed.Equals(other.Fixed) && PerFolio.Equals(other.PerFolio) && UnitCosts.SequenceEqual(other.UnitCosts);
}
