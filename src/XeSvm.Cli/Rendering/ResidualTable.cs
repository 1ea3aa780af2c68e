using System.Globalization;
using XeSvm.Costs;

namespace XeSvm.Cli.Rendering;

/// <summary>Rows beside what a profile makes of their counters.</summary>
internal static class ResidualTable
{
    /// <summary>Makes the table.</summary>
    /// <param name="profile">The profile.</param>
    /// <param name="residuals">The rows.</param>
    /// <param name="sensitivities">Whether the profile was fitted, so that it is told how much hangs on the fixed cost.</param>
    internal static TableModel Create(CostModel profile, IEnumerable<CostResidual> residuals, bool sensitivities)
    {
        const string Row = "figure";
        string modelled = $"modelled, {profile.Name}";
        TableModel table = new(
        [
            new("", "row", IsNumber: false),
            new(Row, "role", IsNumber: false), new(Row, "iommu", IsNumber: false), new(Row, "walker", IsNumber: false),
            new(Row, "layout", IsNumber: false), new(Row, profile.Unit),
            new(modelled, "n"), new(modelled, profile.Unit), new(modelled, "difference"), new(modelled, "relative"), new(modelled, "noise"),
            .. sensitivities ? [new TableColumn(modelled, "d/dF")] : Array.Empty<TableColumn>(),
        ]);
        foreach (CostResidual residual in residuals)
        {
            CostSetup setup = residual.Row.Setup;
            table.Add(
            [
                residual.Row.Name,
                residual.Row.Role.ToString().ToLowerInvariant(), setup.EffectiveMode.ToString().ToLowerInvariant(), setup.Walker,
                setup.Layout, Figures.Cost(residual.Row.Value),
                residual.Migrations.ToString(CultureInfo.InvariantCulture), Figures.Cost(residual.Modelled),
                Figures.Difference(residual.Difference), Figures.RelativeDifference(residual.Relative),
                residual.IsWithinNoise ? "within" : "above",
                .. sensitivities ? [Figures.Difference(residual.FixedSensitivity)] : Array.Empty<string>(),
            ]);
        }

        return table;
    }
}
