namespace XeSvm.Simulation.Cost;

/// <summary>What a published figure is to a profile. A profile is never tuned on rows that it is checked with.</summary>
internal enum CostRowRole
{
    /// <summary>The profile's constants come from it.</summary>
    Calibrated,

    /// <summary>The profile must predict it.</summary>
    Checked,

    /// <summary>Can be explained by a free parameter of the setup that was not published, and so proves nothing.</summary>
    Explained,

    /// <summary>A prediction without a measurement yet.</summary>
    Predicted,
}
