using XeSvm.Costs;

namespace XeSvm.Cli.Rendering;

/// <summary>A profile that was fitted again: its constants, the rows that it was fitted to, and those that show what it is worth.</summary>
internal sealed class CalibrateReport(CostRefit refit, IReadOnlyList<CostModelRow> others)
{
    /// <summary>A fit whose predictions move by more than this for one unit of fixed cost says little.</summary>
    private const double IllConditioned = 2;

    /// <summary>Writes labels, tables and notes.</summary>
    internal void Write(CliConsole console)
    {
        LabelledText text = new(console);
        CostModel model = refit.Model;
        text.Write("Profile", $"{model.Name}, fitted from {refit.Prior.Name} ({refit.Prior.Origin})");
        text.Write("Fixed cost", $"{Figures.Exact(model.FixedCost)} {model.Unit}, {(refit.KeptFixed ? "held" : "fitted")}");
        text.Write("Fitted to", string.Join(", ", refit.Rows.Select(row => $"'{row.Name}'")));
        console.Output.WriteLine();
        TableRenderer.Write(console, Constants());
        Write(console, "Rows that were fitted", refit.Rows);
        IReadOnlyList<CostResidual> residuals = Write(console, "Rows that took no part", others);
        console.Output.WriteLine();
        WriteNotes(text, residuals);
    }

    private TableModel Constants()
    {
        string prior = refit.Prior.Name;
        TableModel table = new(
            [new("", "cost of", IsNumber: false), new("", prior), new("", refit.Model.Name), new("", "change")]);
        Add("fixed", refit.Prior.FixedCost, refit.Model.FixedCost);
        Add("folio", refit.Prior.CostPerFolio, refit.Model.CostPerFolio);
        foreach ((string name, double cost) in refit.Prior.UnitCosts)
        {
            Add(name, cost, refit.Model.UnitCosts.GetValueOrDefault(name));
        }

        return table;

        void Add(string name, double before, double after)
        {
            string change = before == 0 ? Figures.None : Figures.RelativeDifference((after - before) / before);
            table.Add(name, Figures.Exact(before), Figures.Exact(after), change);
        }
    }

    private IReadOnlyList<CostResidual> Write(CliConsole console, string title, IReadOnlyList<CostModelRow> rows)
    {
        if (rows.Count == 0)
        {
            return [];
        }

        IReadOnlyList<CostResidual> residuals = refit.Compare(rows);
        console.Output.WriteLine();
        console.Output.WriteLine(title);
        TableRenderer.Write(console, ResidualTable.Create(refit.Model, residuals, sensitivities: true));
        return residuals;
    }

    private void WriteNotes(LabelledText text, IReadOnlyList<CostResidual> residuals)
    {
        string unit = refit.Model.Unit;
        text.Write("modelled", "Counters of the row's setup times the unit costs; no clock was involved. n = migrations that were counted.");
        text.Write("d/dF", $"How far the figure moves when the fixed cost is held one {unit} higher and the rest is fitted again.");
        if (residuals.Count > 0 && residuals.Max(residual => Math.Abs(residual.FixedSensitivity ?? 0)) is > IllConditioned and double worst)
        {
            text.Write(
                "",
                $"This direction is ill-conditioned: one {unit} in the fixed cost moves a prediction by {Figures.Cost(worst)}. Agreement here " +
                "proves little, and so does disagreement: read the differences as a sensitivity.");
        }

        text.Write("role", $"What the row is to {refit.Prior.Name}. A calibrated row has shaped that profile, and with it this fit.");
        if (residuals.Any(residual => residual.Row.Role == CostModelRowRole.Explained))
        {
            text.Write(
                "explained", "The page layout of these rows was not published; the one shown was chosen to explain them, so they prove nothing.");
        }
    }
}
