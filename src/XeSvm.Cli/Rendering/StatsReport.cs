using System.Globalization;
using XeSvm.Statistics;

namespace XeSvm.Cli.Rendering;

/// <summary>Migration times from two statistics texts.</summary>
internal sealed class StatsReport(string before, string after, IReadOnlyList<MigrationTimes> times)
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
        TableRenderer.Write(console, table);
        console.Output.WriteLine();
        LabelledText text = new(console);
        text.Write("totals", "Times of the machine that the texts were saved on.");
        text.Write("derived", "cpu us per migration = (migrate us - device copy us) / migrations, rounded to 20 digits.");
        text.Write("", "share of migrate time = (migrate us - device copy us) / migrate us, cut after 20 digits. Both as the published figures are.");
    }

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
        ]);

    private static string Number(ulong value) => value.ToString(CultureInfo.InvariantCulture);
}
