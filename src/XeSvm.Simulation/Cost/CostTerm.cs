namespace XeSvm.Simulation.Cost;

/// <summary>One line of an explained time.</summary>
/// <param name="Name">A counter's name, "fixed" or "folio".</param>
/// <param name="Count">How often, a migration.</param>
/// <param name="UnitCost">Cost of one, in the profile's unit.</param>
internal readonly record struct CostTerm(string Name, double Count, double UnitCost)
{
    /// <summary>Count times unit cost.</summary>
    public double Cost => Count * UnitCost;
}
