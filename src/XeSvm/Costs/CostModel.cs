using XeSvm.Simulation.Cost;
using XeSvm.Simulation.Iommu;

namespace XeSvm.Costs;

/// <summary>
/// A named cost profile: unit costs that turn exact counters into modelled CPU time,
/// cpu = fixed + per folio * folios + sum(unit cost * counter). Deterministic; nothing else goes into it.
/// </summary>
public sealed class CostModel
{
    /// <summary>The unit of profiles that are times.</summary>
    public const string Microseconds = "us";

    /// <summary>How many migrations the counters of a prediction are taken over: enough to spread lazy mode's flushes.</summary>
    public const int PredictionMigrations = CostCalibration.Migrations;

    private const string HardwareSync = "sync_hw";

    internal CostModel(CostProfile profile, string origin)
    {
        Profile = profile;
        Origin = origin;
        Rows = [.. profile.Rows.Select(CostModelRow.From)];
    }

    /// <summary>The names of the profiles that come with the library.</summary>
    public static IReadOnlyList<string> BuiltInNames { get; } = [.. BuiltInCostProfiles.All.ToArray().Select(profile => profile.Name)];

    /// <summary>The profile's name; every figure that it makes carries it.</summary>
    public string Name => Profile.Name;

    /// <summary>What it models.</summary>
    public string Description => Profile.Description;

    /// <summary>Where it was read from: <c>built in</c>, or the file's path.</summary>
    public string Origin { get; }

    /// <summary><see cref="Microseconds"/>, or <c>units</c> for a profile that is no time.</summary>
    public string Unit => Profile.Unit;

    /// <summary>Where the constants come from.</summary>
    public IReadOnlyList<string> Sources => Profile.Sources;

    /// <summary>The IOMMU modes that the constants hold for; empty: all.</summary>
    public IReadOnlyList<IommuMode> Modes => Profile.Modes;

    /// <summary>Published and predicted figures: calibrated and checked ones are kept apart by role.</summary>
    public IReadOnlyList<CostModelRow> Rows { get; }

    /// <summary>What a migration pays once.</summary>
    public double FixedCost => Profile.Fixed;

    /// <summary>What a folio pays outside of DMA mapping.</summary>
    public double CostPerFolio => Profile.PerFolio;

    /// <summary>The costs of the counters that are not free, by counter.</summary>
    public IReadOnlyDictionary<string, double> UnitCosts
    {
        get
        {
            Dictionary<string, double> costs = [];
            for (int index = 0; index < Profile.UnitCosts.Length; index++)
            {
                if (Profile.UnitCosts[index] != 0)
                {
                    costs.Add(DmaWork.Names[index], Profile.UnitCosts[index]);
                }
            }

            return costs;
        }
    }

    /// <summary>The setup that the first calibrated row was taken in; <see langword="null"/> for a profile that was not calibrated.</summary>
    public CostSetup? CalibrationSetup => Rows.FirstOrDefault(row => row.Role == CostModelRowRole.Calibrated)?.Setup;

    internal CostProfile Profile { get; }

    /// <summary>Finds a profile.</summary>
    /// <param name="nameOrPath">One of <see cref="BuiltInNames"/>, or the path of a JSON file of schema <c>xesvm.cost-profile/1</c>.</param>
    /// <exception cref="CostModelException">There is none, or the file is no profile; the message says what is wrong and where.</exception>
    public static CostModel Load(string nameOrPath)
    {
        ArgumentNullException.ThrowIfNull(nameOrPath);
        return BuiltInNames.Contains(nameOrPath, StringComparer.Ordinal)
            ? new CostModel(BuiltInCostProfiles.Get(nameOrPath), "built in")
            : CostModelFile.Load(nameOrPath);
    }

    /// <summary>Reads a profile from its JSON.</summary>
    /// <param name="json">The whole text.</param>
    /// <param name="source">The name that messages give the text.</param>
    /// <exception cref="CostModelException">The text is no profile; the message says what is wrong and where.</exception>
    public static CostModel Parse(string json, string source) => CostModelFile.Parse(json, source);

    /// <summary>Models the cost of migrations that were counted.</summary>
    /// <param name="setup">What was counted.</param>
    /// <param name="counterTotals">The counters of all migrations together, by name.</param>
    /// <param name="migrations">How many migrations they are of, at least 1.</param>
    /// <returns>The cost of one migration, or the reason why the profile has none.</returns>
    /// <exception cref="CostModelException">A value of the setup is not valid.</exception>
    public CostEstimate Estimate(CostSetup setup, IReadOnlyDictionary<string, ulong> counterTotals, long migrations)
    {
        ArgumentNullException.ThrowIfNull(setup);
        ArgumentNullException.ThrowIfNull(counterTotals);
        ArgumentOutOfRangeException.ThrowIfLessThan(migrations, 1);
        setup.Validate();
        DmaWork work = default;
        Span<ulong> values = work.Values;
        string? missing = null;
        for (int index = 0; index < values.Length; index++)
        {
            if (!counterTotals.TryGetValue(DmaWork.Names[index], out values[index]) && Profile.UnitCosts[index] != 0)
            {
                missing ??= DmaWork.Names[index];
            }
        }

        string? reason = counterTotals.Count == 0 ? "The backend counts no operations, and there is no modelled time without them."
            : missing is not null ? $"The counters have no '{missing}', which profile '{Name}' has a cost for."
            : null;
        return Estimate(setup, work, migrations, reason);
    }

    /// <summary>Models the cost of migrations that are counted here, on an IOMMU domain of their own.</summary>
    /// <param name="setup">What to count.</param>
    /// <returns>The cost of one migration over <see cref="PredictionMigrations"/>, or the reason why the profile has none.</returns>
    /// <exception cref="CostModelException">A value of the setup is not valid.</exception>
    public CostEstimate Predict(CostSetup setup)
    {
        ArgumentNullException.ThrowIfNull(setup);
        return Estimate(setup, Count(setup), PredictionMigrations, reason: null);
    }

    /// <summary>Compares the profile with rows, its own or others. Rows outside of its modes are compared all the same: they say so.</summary>
    /// <param name="rows">The rows.</param>
    /// <exception cref="CostModelException">A row's setup is not valid.</exception>
    public IReadOnlyList<CostResidual> Compare(IEnumerable<CostModelRow> rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        return [.. rows.Select(row => Compare(row, Count(row.Setup)))];
    }

    /// <summary>The profile as JSON of schema <c>xesvm.cost-profile/1</c>, to start an own file from.</summary>
    public string ToJson() => CostModelWriter.Write(this);

    /// <summary>Compares the profile with a row whose work has been counted.</summary>
    internal CostResidual Compare(CostModelRow row, in DmaWork work) =>
        new(row, Profile.Cpu(work, row.Setup.Folios, PredictionMigrations), Profile.Noise(row.Value), PredictionMigrations);

    /// <summary>The work of all migrations of a prediction.</summary>
    internal static DmaWork Count(CostSetup setup)
    {
        setup.Validate();
        return setup.Count(PredictionMigrations);
    }

    private CostEstimate Estimate(CostSetup setup, in DmaWork work, long migrations, string? reason)
    {
        reason ??= Profile.Mismatch(setup.Options) ?? UnpricedSync(work);
        if (reason is not null)
        {
            return new CostEstimate(Name, Unit, setup, migrations, reason, 0, []);
        }

        IReadOnlyList<CostEstimateTerm> terms =
            [.. Profile.Explain(work, setup.Folios, migrations).Select(term => new CostEstimateTerm(term.Name, term.Count, term.UnitCost))];
        return new CostEstimate(Name, Unit, setup, migrations, Reason: null, Profile.Noise(terms.Sum(term => term.Cost)), terms);
    }

    /// <summary>Waiting for the hardware at each new mapping is never free: a time profile without that cost has nothing to say.</summary>
    private string? UnpricedSync(in DmaWork work) => work.SyncHw > 0 && Unit == Microseconds && !UnitCosts.ContainsKey(HardwareSync)
        ? $"Profile '{Name}' has no cost for '{HardwareSync}', which this IOMMU does for new mappings."
        : null;
}
