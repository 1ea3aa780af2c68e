using System.Globalization;
using XeSvm.Statistics;

namespace XeSvm.Cli.Rendering;

/// <summary>Migration times from two statistics texts.</summary>
internal sealed class StatsReport(string before, string after, IReadOnlyList<MigrationTimes> times, CounterDelta moved)
{
    /// <summary>Writes labels and table.</summary>
    internal void Write(CliConsole console)
    {
        const string Total = "totals from the texts";
        const string Derived = "derived";
        TableModel table = new(
        [
            new("", "size", IsNumber: false), new(Total, "migrations"), new(Total, "migrate us"), new(Total, "device copy us"),
            new(Derived, "cpu us per migration"), new(Derived, "share of migrate time"),
        ]);
        foreach (MigrationTimes row in times)
        {
            table.Add(
                row.SizeClass.Name, Number(row.Count), Number(row.MigrateMicroseconds), Number(row.DeviceCopyMicroseconds),
                row.CpuAverageText ?? Figures.None, row.ShareText ?? Figures.None);
        }

        console.Output.WriteLine($"GT statistics, {before} to {after}");
        console.Output.WriteLine();
        LabelledText text = new(console);
        if (times.Count > 0)
        {
            TableRenderer.Write(console, table);
        }
        else
        {
            text.Write("no times", "The texts have no times of SVM migrations: the driver is older than these counters.");
        }

        console.Output.WriteLine();
        WriteMoved(console);
        text.Write("totals", "Times of the machine that the texts were saved on.");
        text.Write("derived", "cpu us per migration = (migrate us - device copy us) / migrations, rounded to 20 digits.");
        text.Write("", "share of migrate time = (migrate us - device copy us) / migrate us, cut after 20 digits. Both as the published figures are.");
    }

    /// <summary>Every counter that moved, in the order of the texts.</summary>
    private void WriteMoved(CliConsole console)
    {
        TableModel table = new([new("", "counter", IsNumber: false), new("", "moved by"), new("", "remark", IsNumber: false)]);
        foreach (Counter counter in moved.Counters.Where(counter => counter.Value != 0 || IsUnknown(counter)))
        {
            table.Add(counter.Name, Number(counter.Value), IsUnknown(counter) ? "not known to this version" : "");
        }

        if (table.Rows.Count > 0)
        {
            console.Output.WriteLine($"Counters that moved ({moved.Counters.Count} in all)");
            TableRenderer.Write(console, table);
            console.Output.WriteLine();
        }
    }

    private static bool IsUnknown(Counter counter) => !GtStatistics.KnownNames.Contains(counter.Name);

    /// <summary>The report for JSON.</summary>
    internal StatsJson ToJson() => new(
        StatsJson.CurrentSchema,
        before,
        after,
        [
            .. times.Select(row => new StatsJsonRow(
                row.SizeClass.Name,
                row.Count,
                row.MigrateMicroseconds,
                row.DeviceCopyMicroseconds,
                row.CpuAverage?.ToDecimal(MigrationTimes.PublishedDigits, DecimalRounding.Nearest),
                row.Share?.ToDecimal(MigrationTimes.PublishedDigits, DecimalRounding.Truncate))),
        ],
        moved.Counters.ToDictionary(counter => counter.Name, counter => counter.Value),
        [.. moved.Counters.Where(IsUnknown).Select(counter => counter.Name)]);

    private static string Number(ulong value) => value.ToString(CultureInfo.InvariantCulture);
}
