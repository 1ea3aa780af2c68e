using XeSvm.Simulation.Cost;

namespace XeSvm.Costs;

/// <summary>What a figure is to a profile. A profile is never tuned on rows that it is checked with.</summary>
public enum CostModelRowRole
{
    /// <summary>The profile's constants come from it.</summary>
    Calibrated,

    /// <summary>The profile must predict it.</summary>
    Checked,

    /// <summary>Can be explained by a property of the setup that was not published, and so proves nothing.</summary>
    Explained,

    /// <summary>A prediction without a measurement yet.</summary>
    Predicted,
}

/// <summary>A figure of CPU time per migration, with the setup that it belongs to.</summary>
/// <param name="Name">Its name, unique in a profile.</param>
/// <param name="Role">What it is to the profile.</param>
/// <param name="Setup">What was measured, or would be.</param>
/// <param name="Value">The figure, in the profile's unit.</param>
/// <param name="Source">Where it comes from.</param>
public sealed record CostModelRow(string Name, CostModelRowRole Role, CostSetup Setup, double Value, string Source)
{
    /// <summary>Whether somebody has measured it: predictions are not.</summary>
    public bool IsMeasured => Role != CostModelRowRole.Predicted;

    internal static CostModelRow From(CostRow row) => new(
        row.Name,
        Enum.Parse<CostModelRowRole>(row.Role.ToString()),
        new CostSetup
        {
            Pages = row.Pages,
            Strategy = row.Strategy,
            Layout = row.Layout,
            Iommu = row.Mode,
            CoherentWalker = row.CoherentWalker,
            FlushRegression = row.FlushRegression,
        },
        row.Value,
        row.Source);

    /// <exception cref="CostModelException">The setup has what rows of a profile cannot say.</exception>
    internal CostRow ToCostRow()
    {
        if (Setup is not { Levels: 4, CachingMode: false, WriteBufferFlush: false })
        {
            throw new CostModelException(
                $"Row '{Name}': rows of a profile are of 4 levels, without caching mode and without write-buffer flush.");
        }

        return new CostRow
        {
            Name = Name,
            Role = Enum.Parse<CostRowRole>(Role.ToString()),
            Pages = Setup.Pages,
            Strategy = Setup.Strategy,
            Layout = Setup.Layout,
            Mode = Setup.Iommu,
            CoherentWalker = Setup.CoherentWalker,
            FlushRegression = Setup.FlushRegression,
            Value = Value,
            Source = Source,
        };
    }
}
