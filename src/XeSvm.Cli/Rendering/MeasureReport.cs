using System.Globalization;
using XeSvm.Costs;
using XeSvm.Measurement;
using XeSvm.Statistics;

namespace XeSvm.Cli.Rendering;

/// <summary>A run record as a table with the labels that its figures need.</summary>
internal sealed class MeasureReport(RunRecord record, PublishedFigures published, CostModel? profile, bool wholeSetup)
{
    /// <summary>Writes labels, table and notes.</summary>
    internal void Write(CliConsole console)
    {
        LabelledText text = new(console);
        WriteLabels(text);
        console.Output.WriteLine();
        TableRenderer.Write(console, new MeasureTable(record, published, wholeSetup).Create());
        console.Output.WriteLine();
        WriteNotes(text);
    }

    private void WriteLabels(LabelledText text)
    {
        text.Write("Backend", $"{record.Backend}, {record.Device}, because {record.Reason}");
        text.Write("Mode", $"IOMMU {Distinct(row => row.Iommu)}, page layout {Distinct(row => row.Layout)}, CPU faults {record.CpuFaults}");
        if (record.Cases.Any(row => row.Walker is not null))
        {
            text.Write(
                "IOMMU",
                $"walker {Distinct(row => row.Walker)}, {Distinct(row => row.Levels)} levels, " +
                $"caching mode {Distinct(row => OnOff(row.CachingMode))}, flush regression {Distinct(row => OnOff(row.FlushRegression))}");
        }

        if (profile is not null)
        {
            text.Write("Profile", $"{profile.Name} ({profile.Origin}): {profile.Description}");
        }

        text.Write("Sample", $"n = {Distinct(row => row.Migrations.ToString(CultureInfo.InvariantCulture))} migrations per row");
        if (record.Cases.Any(row => row.Cause == MeasurementNames.NameOf(MeasurementNames.Causes, MigrationCause.Prefetch)))
        {
            text.Write("Cause", $"{Distinct(row => row.Cause)}, clock {Distinct(row => row.Clock)}");
        }

        text.Write("Host", string.Create(
            CultureInfo.InvariantCulture,
            $"{record.Host.Cpu}, {record.Host.Processors} processors, Linux {record.Host.Kernel}, {record.Host.Runtime}"));
    }

    private static string OnOff(bool? value) => value switch
    {
        true => "on",
        false => "off",
        null => BackendReport.NotReported,
    };

    private string Distinct<T>(Func<RunCase, T> select) =>
        string.Join(", ", record.Cases.Select(select).Distinct().Select(value => Convert.ToString(value, CultureInfo.InvariantCulture)));

    private void WriteNotes(LabelledText text)
    {
        text.Write("counted", "Exact operations of the migrations to the device; no clock was involved.");
        WriteModelNotes(text);
        text.Write("measured", record.Backend == "software"
            ? "This host's clock around the software backend's work. Software figures are not hardware figures: they tell nothing " +
                "about a GPU."
            : $"This host's clock around the {record.Backend} driver's work on {record.Device}.");
        text.Write(
            "",
            "cpu us = (migrate time - copy time) / migrations, share = cpu / migrate time, factor = cpu us of per-page / cpu us of the row.");
        if (record.Cases.Any(row => row.Measured.CpuInterval is not null || row.Measured.MigrateInterval is not null))
        {
            text.Write("", "+- is half the 95 % confidence interval of the time before it, from the spread between rounds of migrations (Student's t).");
        }

        if (record.Noise is { } noise)
        {
            text.Write("", RunNoiseText.Of("Noise check", noise));
        }

        foreach (string note in record.Notes ?? [])
        {
            text.Write("note", note);
        }

        WriteDrift(text);
        text.Write("published", published.Source);
        text.Write("", published.Note);
        text.Write("", Remeasured());
        if (record.Cases.Any(row => row is { Strategy: MappingStrategy.IovaRuns, Layout: "scattered" }))
        {
            text.Write("iova-runs", "Scattered pages have no runs to join, so it maps as iova does; try --layout runs:8 or contiguous.");
        }

        if (record.CpuFaults == BackendReport.Coherent)
        {
            text.Write(
                "coherent",
                "CPU touches of migrated memory are not noticed on this host: pages do not move back, residency is bookkeeping.");
        }
    }

    private void WriteDrift(LabelledText text)
    {
        foreach (RunCase row in record.Cases.Where(row => row.Samples?.Drifted(RunComparison.Level) == true))
        {
            text.Write("drift", $"The first and the second half of {row.Size} {row.Strategy} differ: the machine was not the same all the time.");
        }
    }

    /// <summary>What modelled time is, what it is worth, and why rows have none.</summary>
    private void WriteModelNotes(LabelledText text)
    {
        if (profile is null)
        {
            return;
        }

        text.Write(
            "modelled",
            $"Counters of this run times the unit costs of profile {profile.Name}; no clock was involved. Differences below noise mean nothing.");
        foreach (CostResidual residual in profile.Compare(profile.Rows.Where(row => row.Role == CostModelRowRole.Checked)))
        {
            text.Write(
                "",
                $"Checked: {residual.Row.Name} is {Figures.Cost(residual.Modelled)} modelled (n = {residual.Migrations}) and " +
                $"{Figures.Cost(residual.Row.Value)} published, {Figures.RelativeDifference(residual.Relative)}.");
        }

        foreach (string reason in record.Cases.Select(row => row.Modelled?.Reason).OfType<string>().Distinct(StringComparer.Ordinal))
        {
            text.Write("", $"No figure ({Figures.None}): {reason}");
        }
    }

    /// <summary>What the published factors become against the baseline that was measured again.</summary>
    private string Remeasured()
    {
        IEnumerable<string> sizes = SvmSizeClass.All.Select(RemeasuredFactors).OfType<string>();
        return $"Against the per-page figures measured again: {string.Join("; ", sizes)}.";
    }

    private string? RemeasuredFactors(SvmSizeClass size)
    {
        if (published.FindRemeasured(MappingStrategy.PerPage, size)?.CpuAverage is not { } baseline)
        {
            return null;
        }

        IEnumerable<string> factors = MappingStrategy.All
            .Where(strategy => strategy != MappingStrategy.PerPage)
            .Select(strategy => (Strategy: strategy, Average: published.Find(strategy, size)?.CpuAverage))
            .Where(figure => figure.Average is not null)
            .Select(figure => $"{figure.Strategy} {Figures.Factor(Figures.ToDecimal(baseline / figure.Average!.Value))}");
        return $"{size} {Figures.Microseconds(Figures.ToDecimal(baseline))} us ({string.Join(", ", factors)})";
    }
}
