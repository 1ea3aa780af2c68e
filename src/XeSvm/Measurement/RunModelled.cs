using System.Text.Json.Serialization;

namespace XeSvm.Measurement;

/// <summary>A modelled cost of one migration; it is no measurement.</summary>
/// <param name="Profile">The cost profile's name.</param>
/// <param name="Unit"><c>us</c>, or <c>units</c> for a profile that is no time.</param>
/// <param name="CpuUs">Modelled CPU time in us; null when there is a reason, or when the unit is another.</param>
/// <param name="Units">Modelled cost in units; null when there is a reason, or when the unit is us.</param>
/// <param name="Noise">The noise floor of the figure in its unit; null without a figure.</param>
/// <param name="Reason">Why there is no figure; null when there is one.</param>
/// <param name="Terms">What the figure is made of, the largest first.</param>
public sealed record RunModelled(
    string Profile,
    string Unit,
    decimal? CpuUs = null,
    decimal? Units = null,
    decimal? Noise = null,
    string? Reason = null,
    IReadOnlyList<RunModelledTerm>? Terms = null)
{
    /// <summary>The figure in its unit, or <see langword="null"/>.</summary>
    [JsonIgnore]
    public decimal? Cost => CpuUs ?? Units;
}

/// <summary>One term of a modelled cost.</summary>
/// <param name="Name">A counter's name, <c>fixed</c> or <c>folio</c>.</param>
/// <param name="Count">How often in one migration.</param>
/// <param name="UnitCost">Cost of one.</param>
/// <param name="Cost">Count times unit cost.</param>
public sealed record RunModelledTerm(string Name, decimal Count, decimal UnitCost, decimal Cost);
