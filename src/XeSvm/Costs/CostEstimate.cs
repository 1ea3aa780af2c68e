namespace XeSvm.Costs;

/// <summary>One line of an explained cost.</summary>
/// <param name="Name">A counter's name, <c>fixed</c> for what each migration pays once, or <c>folio</c> for what each folio pays.</param>
/// <param name="Count">How often in one migration.</param>
/// <param name="UnitCost">Cost of one, in the profile's unit.</param>
public sealed record CostEstimateTerm(string Name, double Count, double UnitCost)
{
    /// <summary>Count times unit cost.</summary>
    public double Cost => Count * UnitCost;
}

/// <summary>What a profile makes of counters: a modelled cost, never a measurement. It carries every label that the figure needs.</summary>
/// <param name="Profile">The profile's name.</param>
/// <param name="Unit"><c>us</c>, or <c>units</c> for a profile that is no time.</param>
/// <param name="Setup">What the counters are of.</param>
/// <param name="Migrations">How many migrations the counters were taken over.</param>
/// <param name="Reason">Why there is no figure; <see langword="null"/> when there is one.</param>
/// <param name="Noise">The noise floor of the figure: differences below it mean nothing.</param>
/// <param name="Terms">What the figure is made of, the largest first; empty when there is none.</param>
public sealed record CostEstimate(
    string Profile, string Unit, CostSetup Setup, long Migrations, string? Reason, double Noise, IReadOnlyList<CostEstimateTerm> Terms)
{
    /// <summary>Modelled CPU cost of one migration: the sum of the terms; <see langword="null"/> when the profile does not fit.</summary>
    public double? Cpu => Reason is null ? Terms.Sum(term => term.Cost) : null;
}
