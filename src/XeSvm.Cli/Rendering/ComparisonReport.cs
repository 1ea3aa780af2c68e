using System.Globalization;
using XeSvm.Measurement;

namespace XeSvm.Cli.Rendering;

/// <summary>A comparison as text: what differs, the cover letter's lines, times, counts, notes.</summary>
internal sealed class ComparisonReport(RunComparison comparison)
{
    /// <summary>Writes all parts.</summary>
    internal void Write(CliConsole console)
    {
        LabelledText text = new(console);
        foreach (ComparedRecord record in comparison.Records)
        {
            text.Write("Record", $"{record.Name}: {record.Record.Backend}, Linux {record.Record.Host.Kernel}, {record.Record.Host.Cpu}");
        }

        console.Output.WriteLine();
        WriteDifferences(console);
        foreach (string line in CoverLetter.Lines(comparison.Records))
        {
            console.Output.WriteLine(line);
        }

        console.Output.WriteLine();
        TableRenderer.Write(console, Times());
        console.Output.WriteLine();
        WriteCounters(console);
        WriteNotes(text);
    }

    private void WriteDifferences(CliConsole console)
    {
        if (comparison.Differences.Count == 0)
        {
            console.Output.WriteLine("Nothing that the records tell differs between the runs.");
            console.Output.WriteLine();
            return;
        }

        TableModel table = new(
            [new("", "differs", IsNumber: false), .. comparison.Records.Select(record => new TableColumn("", record.Name, IsNumber: false))]);
        foreach (ComparedFact fact in comparison.Differences)
        {
            table.Add([fact.Name, .. fact.Values.Select(value => value ?? Figures.None)]);
        }

        TableRenderer.Write(console, table);
        console.Output.WriteLine();
    }

    /// <summary>One line for each case of each record.</summary>
    private TableModel Times()
    {
        bool isForced = comparison.Rows.Any(row => row.Unlike.Count > 0);
        TableModel table = new(
        [
            new("", "size", IsNumber: false), new("", "record", IsNumber: false), new("", "strategy", IsNumber: false), new("", "IOMMU", IsNumber: false),
            new("", "n"), new("", "us"), new("", "+-"), new("", "copy us"), new("", "share"), new("", "factor"), new("", "95 %"), new("", "p"),
            new("", "verdict", IsNumber: false),
            .. isForced ? [new TableColumn("", "UNLIKE", IsNumber: false)] : Array.Empty<TableColumn>(),
        ]);
        foreach (ComparisonRow row in comparison.Rows)
        {
            for (int index = 0; index < row.Cases.Count; index++)
            {
                table.Add(
                [
                    .. Cells(row, index),
                    .. isForced ? [index == 0 ? "" : string.Join("; ", row.Unlike)] : Array.Empty<string>(),
                ]);
            }
        }

        return table;
    }

    private string[] Cells(ComparisonRow row, int index)
    {
        RunCase one = row.Cases[index];
        bool cpu = row.Changes[0].Time == "cpu";
        ComparisonChange? change = index == 0 ? null : row.Changes[index - 1];
        return
        [
            one.Size, comparison.Records[index].Name, one.Strategy, one.Walker is null ? one.Iommu : $"{one.Iommu} {one.Walker}",
            one.Migrations.ToString(CultureInfo.InvariantCulture),
            Figures.Microseconds(cpu ? one.Measured.CpuUs : one.Measured.MigrateUs),
            Figures.Microseconds((cpu ? one.Measured.CpuInterval : one.Measured.MigrateInterval)?.HalfWidth),
            Figures.Microseconds(one.Measured.CopyUs), Figures.Share(one.Measured.Share),
            change is null ? "1.00x" : Figures.Factor((decimal?)change.Factor),
            change?.FactorInterval is { } interval ? Range(interval.Low, interval.High) : Figures.None,
            Probability(change?.PValue), change?.Verdict ?? "",
        ];
    }

    /// <summary>The counts that differ, and how many do not.</summary>
    private void WriteCounters(CliConsole console)
    {
        foreach (ComparisonRow row in comparison.Rows.Where(row => row.Counters.Count > 0))
        {
            ComparedCounter[] exact = [.. row.Counters.Where(counter => !counter.DependsOnState)];
            int same = exact.Count(counter => counter.IsSame);
            string strategies = string.Join(" against ", row.Cases.Select(one => one.Strategy).Distinct());
            console.Output.WriteLine(
                $"{row.Size} {strategies}: {same} of {exact.Length} exact counts per migration are the same{(same == exact.Length ? "." : "; not:")}");
            WriteCounters(console, [.. exact.Where(counter => !counter.IsSame)]);
            ComparedCounter[] moved = [.. row.Counters.Where(counter => counter.DependsOnState && !counter.IsSame)];
            if (moved.Length > 0)
            {
                console.Output.WriteLine("Counts that depend on what the IOVA caches held and on which processor threads ran:");
                WriteCounters(console, moved);
            }
        }

        console.Output.WriteLine();
    }

    private void WriteCounters(CliConsole console, ComparedCounter[] counters)
    {
        if (counters.Length == 0)
        {
            return;
        }

        TableModel table = new(
            [new("", "operations per migration", IsNumber: false), .. comparison.Records.Select(record => new TableColumn("", record.Name))]);
        foreach (ComparedCounter counter in counters)
        {
            table.Add([counter.Name, .. counter.PerMigration.Select(value => Figures.Count(value))]);
        }

        TableRenderer.Write(console, table);
    }

    private void WriteNotes(LabelledText text)
    {
        text.Write("us", comparison.Rows.All(row => row.Changes[0].Time == "cpu")
            ? "cpu us = (migrate time - copy time) / migrations; +- is half the 95 % confidence interval; factor = us of the first record / us of the row."
            : "cpu us where the copies' part is known, else the whole time of a migration; +- is half the 95 % confidence interval.");
        text.Write(
            "verdict",
            $"Welch's test on rounds of migrations; the probability that any row is called different when nothing differs is {RunComparison.Level:0 %} (Holm).");
        foreach (string note in comparison.Notes)
        {
            text.Write("note", note);
        }

        if (comparison.Records.Any(record => record.Record.Backend == "software"))
        {
            text.Write("software", "Figures of the software backend are figures of a host's processor running a model, never hardware figures.");
        }
    }

    private static string Range(double low, double high) => string.Create(CultureInfo.InvariantCulture, $"{low:0.00} - {high:0.00}");

    private static string Probability(double? value) => value switch
    {
        null => Figures.None,
        < 0.0001 => "<0.0001",
        { } p => p.ToString("0.0000", CultureInfo.InvariantCulture),
    };
}
