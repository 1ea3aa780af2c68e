using System.Globalization;
using XeSvm.Simulation.Cost;

namespace XeSvm.Costs;

/// <summary>
/// A profile fitted to rows. Few rows cannot identify many constants: of all constants that meet the rows, those are taken that differ
/// least, relatively, from the prior's. What a fit is worth shows on rows that took no part in it.
/// </summary>
public sealed class CostRefit
{
    /// <summary>The fit is linear in the fixed cost, so that any step gives its derivative.</summary>
    private const double FixedStep = 1.0 / 64;

    private readonly Lazy<CostModel?> _shifted;

    private CostRefit(CostModel prior, CostModel model, IReadOnlyList<CostModelRow> rows, bool keptFixed)
    {
        Prior = prior;
        Model = model;
        Rows = rows;
        KeptFixed = keptFixed;
        _shifted = new Lazy<CostModel?>(Shifted);
    }

    /// <summary>The profile that the fit began with.</summary>
    public CostModel Prior { get; }

    /// <summary>The fitted profile. Its rows are the prior's: those that were fitted are calibrated, other measured ones are checked.</summary>
    public CostModel Model { get; }

    /// <summary>The rows that were fitted.</summary>
    public IReadOnlyList<CostModelRow> Rows { get; }

    /// <summary>Whether the fixed cost was held; rows of one size cannot tell it from what pages cost.</summary>
    public bool KeptFixed { get; }

    /// <summary>Fits a profile to rows.</summary>
    /// <param name="prior">The profile to begin with.</param>
    /// <param name="rows">The rows to meet; at least one.</param>
    /// <param name="name">The fitted profile's name.</param>
    /// <param name="fixedCost">
    /// The fixed cost to hold; <see langword="null"/> fits it when the rows have several sizes, else holds the prior's.
    /// </param>
    /// <exception cref="CostModelException">
    /// There is no row, a row is not valid, or the rows contradict each other or the profile's shape.
    /// </exception>
    public static CostRefit Fit(CostModel prior, IReadOnlyList<CostModelRow> rows, string name, double? fixedCost = null)
    {
        ArgumentNullException.ThrowIfNull(prior);
        ArgumentNullException.ThrowIfNull(rows);
        ArgumentException.ThrowIfNullOrEmpty(name);
        if (fixedCost is { } held && !(held >= 0 && double.IsFinite(held)))
        {
            throw new CostModelException($"A fixed cost of {held} is not valid; a number of 0 or more is.");
        }

        foreach (CostModelRow row in rows)
        {
            row.Setup.Validate();
        }

        bool keepFixed = fixedCost is not null || rows.Select(row => row.Setup.Pages).Distinct().Count() < 2;
        CostProfile start = prior.Profile with { Fixed = fixedCost ?? prior.FixedCost };
        CostProfile fitted = Fit(start, rows, keepFixed) with
        {
            Name = name,
            Description = $"{prior.Name}, fitted again to {string.Join(", ", rows.Select(row => $"'{row.Name}'"))}. {prior.Description}",
            Sources = [.. prior.Sources, Derivation(prior, rows, start, keepFixed)],
            Rows = RowsAfter(prior, rows),
        };
        return new CostRefit(prior, new CostModel(fitted, $"fitted from {prior.Name}"), rows, keepFixed);
    }

    /// <summary>Compares the fitted profile with rows, and tells how much each depends on the fixed cost that was held.</summary>
    /// <param name="rows">The rows.</param>
    public IReadOnlyList<CostResidual> Compare(IEnumerable<CostModelRow> rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        return [.. rows.Select(Compare)];
    }

    private CostResidual Compare(CostModelRow row)
    {
        DmaWork work = CostModel.Count(row.Setup);
        CostResidual here = Model.Compare(row, work);
        return _shifted.Value is { } shifted
            ? here with { FixedSensitivity = (shifted.Compare(row, work).Modelled - here.Modelled) / FixedStep }
            : here;
    }

    private static CostProfile Fit(CostProfile start, IReadOnlyList<CostModelRow> rows, bool keepFixed)
    {
        try
        {
            return CostCalibration.Fit(start, [.. rows.Select(row => row.ToCostRow())], keepFixed);
        }
        catch (ArgumentException exception)
        {
            // ArgumentException puts the parameter's name behind its message; it means nothing to whoever named the rows.
            string message = exception.Message.Replace($" (Parameter '{exception.ParamName}')", "", StringComparison.Ordinal);
            throw new CostModelException(message, exception);
        }
    }

    private static string Derivation(CostModel prior, IReadOnlyList<CostModelRow> rows, CostProfile start, bool keepFixed) => string.Create(
        CultureInfo.InvariantCulture,
        $"Least relative change of {prior.Name} that meets {rows.Count} rows, fixed cost {(keepFixed ? $"held at {start.Fixed}" : "fitted")}");

    private static List<CostRow> RowsAfter(CostModel prior, IReadOnlyList<CostModelRow> fitted) =>
    [
        .. fitted.Select(row => row.ToCostRow() with { Role = CostRowRole.Calibrated }),
        .. prior.Profile.Rows.Where(row => !fitted.Any(other => other.Name == row.Name))
            .Select(row => row.Role == CostRowRole.Calibrated ? row with { Role = CostRowRole.Checked } : row),
    ];

    /// <summary>The same fit with the fixed cost held a step higher; null when it has no solution.</summary>
    private CostModel? Shifted()
    {
        try
        {
            return new CostModel(Fit(Prior.Profile with { Fixed = Model.FixedCost + FixedStep }, Rows, keepFixed: true), Model.Origin);
        }
        catch (CostModelException)
        {
            return null;
        }
    }
}
