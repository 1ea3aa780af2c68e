using System.Globalization;
using XeSvm.Costs;
using XeSvm.Measurement;
using XeSvm.Statistics;

namespace XeSvm.Cli.Rendering;

/// <summary>Where modelled time comes from: the terms of each case, the flush regression, and the rows that the profile rests on.</summary>
internal sealed class ExplainReport(RunRecord record, CostModel profile)
{
    private const int PageBytes = 4096;

    /// <summary>Writes all parts.</summary>
    internal void Write(CliConsole console)
    {
        LabelledText text = new(console);
        WriteTerms(console);
        WriteRegression(console, text);
        WriteRows(console);
        WriteReverse(console, text);
    }

    private static void Title(CliConsole console, string title)
    {
        console.Output.WriteLine();
        console.Output.WriteLine(title);
    }

    private void WriteTerms(CliConsole console)
    {
        string group = $"modelled, {profile.Name}";
        TableModel table = new(
        [
            new("", "size", IsNumber: false), new("", "strategy", IsNumber: false), new("", "iommu", IsNumber: false),
            new("", "walker", IsNumber: false), new("", "layout", IsNumber: false), new("", "n"), new("", "term", IsNumber: false),
            new(group, "count"), new(group, "cost of one"), new(group, profile.Unit), new(group, "share"),
        ]);
        foreach (RunCase row in record.Cases.GroupBy(row => row.Size).SelectMany(group => group))
        {
            if (row.Modelled is { Cost: { } total, Terms: { } terms })
            {
                AddTerms(table, row, total, terms);
            }
        }

        if (table.Rows.Count > 0)
        {
            Title(console, $"What the modelled times of this run are made of ({profile.Unit} per migration)");
            TableRenderer.Write(console, table);
        }
    }

    private static void AddTerms(TableModel table, RunCase row, decimal total, IReadOnlyList<RunModelledTerm> terms)
    {
        string migrations = row.Migrations.ToString(CultureInfo.InvariantCulture);
        string[] name = [row.Size, row.Strategy, row.Iommu, row.Walker ?? Figures.None, row.Layout, migrations];
        foreach (RunModelledTerm term in terms)
        {
            table.Add(
            [
                .. name, term.Name, Figures.Exact((double)term.Count), Figures.Exact((double)term.UnitCost),
                Figures.Cost((double)term.Cost), Figures.Share(total == 0 ? null : term.Cost / total),
            ]);
        }

        table.Add([.. name, "total", "", "", Figures.Cost((double)total), Figures.Share(1)]);
    }

    /// <summary>The same setup with and without the regression, in every size of the run.</summary>
    private void WriteRegression(CliConsole console, LabelledText text)
    {
        if (profile.CalibrationSetup is not { CoherentWalker: false } calibration)
        {
            return;
        }

        SvmSizeClass[] sizes = [.. SvmSizeClass.All.Where(size => record.Cases.Any(row => row.Size == size.Name))];
        foreach (SvmSizeClass size in sizes)
        {
            int pages = (int)(size.Bytes / PageBytes);
            CostSetup setup = calibration with { Pages = pages, Strategy = MappingStrategy.PerPage, FlushRegression = false };
            CostEstimate healthy = profile.Predict(setup);
            CostEstimate regressed = profile.Predict(setup with { FlushRegression = true });
            if (healthy.Cpu is not { } before || regressed.Cpu is not { } after)
            {
                continue;
            }

            Title(console, $"How the flush regression changes per-page {size}: {setup}; n = {healthy.Migrations}, counted apart from this run");
            TableRenderer.Write(console, RegressionTable(healthy, regressed));
            text.Write("", $"Modelled {Figures.Cost(before)} -> {Figures.Cost(after)} {profile.Unit}, {Published(size)}.");
            text.Write(
                "",
                $"Every unmap of a page flushes the entry of each level above the leaf too, {setup.Levels - 1} lines more, though it changed none " +
                "of them. Nothing else differs.");
        }
    }

    private TableModel RegressionTable(CostEstimate healthy, CostEstimate regressed)
    {
        string group = $"modelled, {profile.Name}";
        TableModel table = new(
        [
            new("", "term", IsNumber: false), new(group, "without"), new(group, "with"), new(group, "cost of one"),
            new(group, $"{profile.Unit} without"), new(group, $"{profile.Unit} with"), new(group, "difference"),
        ]);
        foreach (CostEstimateTerm with in regressed.Terms)
        {
            CostEstimateTerm without = healthy.Terms.FirstOrDefault(term => term.Name == with.Name) ?? with with { Count = 0 };
            table.Add(
                with.Name, Figures.Exact(without.Count), Figures.Exact(with.Count), Figures.Exact(with.UnitCost),
                Figures.Cost(without.Cost), Figures.Cost(with.Cost), Figures.Difference(with.Cost - without.Cost));
        }

        table.Add("total", "", "", "", Figures.Cost(healthy.Cpu), Figures.Cost(regressed.Cpu), Figures.Difference(regressed.Cpu - healthy.Cpu));
        return table;
    }

    private static string Published(SvmSizeClass size)
    {
        decimal? again = Figures.ToDecimal(PublishedFigures.Instance.FindRemeasured(MappingStrategy.PerPage, size)?.CpuAverage);
        decimal? first = Figures.ToDecimal(PublishedFigures.Instance.Find(MappingStrategy.PerPage, size)?.CpuAverage);
        return again is null || first is null
            ? "nothing was published for this size"
            : $"published {Figures.Microseconds(again)} (v4, measured again after the fix) and {Figures.Microseconds(first)} us (RFC v3)";
    }

    private void WriteRows(CliConsole console)
    {
        if (profile.Rows.Count > 0)
        {
            Title(console, $"The rows of profile {profile.Name}: calibrated ones it was fitted to, checked ones it never saw");
            TableRenderer.Write(console, ResidualTable.Create(profile, profile.Compare(profile.Rows), sensitivities: false));
        }
    }

    /// <summary>The other way round: fitted to the small ranges, checked with the large ones.</summary>
    private void WriteReverse(CliConsole console, LabelledText text)
    {
        CostModelRow[] known = [.. profile.Rows.Where(row => row.Role is CostModelRowRole.Calibrated or CostModelRowRole.Checked)];
        int[] sizes = [.. known.Select(row => row.Setup.Pages).Distinct().Order()];
        if (sizes.Length < 2)
        {
            return;
        }

        Title(console, $"The reverse: fitted to the rows of {sizes[0]} pages, the fixed cost held, compared with those of {sizes[^1]} pages");
        CostRefit refit;
        try
        {
            refit = CostRefit.Fit(profile, [.. known.Where(row => row.Setup.Pages == sizes[0])], $"{profile.Name}-reverse");
        }
        catch (CostModelException exception)
        {
            console.Output.WriteLine($"There is no such fit. {exception.Message}");
            return;
        }

        IReadOnlyList<CostResidual> residuals = refit.Compare(known.Where(row => row.Setup.Pages == sizes[^1]));
        TableRenderer.Write(console, ResidualTable.Create(refit.Model, residuals, sensitivities: true));
        text.Write(
            "d/dF",
            $"One {profile.Unit} in the fixed cost moves these predictions by so much: the reverse is ill-conditioned, and what it says is a " +
            "sensitivity and no check.");
    }
}
