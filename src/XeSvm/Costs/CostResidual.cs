namespace XeSvm.Costs;

/// <summary>How well a profile meets a row.</summary>
/// <param name="Row">The row.</param>
/// <param name="Modelled">What the profile makes of the row's counters, in its unit.</param>
/// <param name="Noise">The noise floor of the row's value.</param>
/// <param name="Migrations">How many migrations the counters were taken over.</param>
/// <param name="FixedSensitivity">
/// How far the modelled value moves when the fixed cost is held one unit higher and the other constants are fitted again;
/// <see langword="null"/> for a profile that was not fitted, or where the shifted fit has no solution.
/// </param>
public sealed record CostResidual(CostModelRow Row, double Modelled, double Noise, int Migrations, double? FixedSensitivity = null)
{
    /// <summary>Modelled minus the row's value.</summary>
    public double Difference => Modelled - Row.Value;

    /// <summary>The difference as a part of the row's value.</summary>
    public double Relative => Difference / Row.Value;

    /// <summary>Whether the difference is within the noise floor.</summary>
    public bool IsWithinNoise => Math.Abs(Difference) <= Noise;
}
