using System.Globalization;
using XeSvm.Measurement;

namespace XeSvm.Cli.Rendering.Html;

/// <summary>What one migration's time is made of, as one bar for each case; the bars of a size have one scale.</summary>
internal static class PhaseBars
{
    private static readonly (string Class, string Name)[] s_phases =
    [
        ("cpu", "CPU work of the migration: pages, DMA mapping, waits"),
        ("copy", "copy by the device"),
        ("pages", "getting pages for the device"),
        ("bind", "writing the device's page table"),
        ("rest", "rest of the fault, or not told apart"),
    ];

    /// <summary>Writes the legend and the bars.</summary>
    internal static void Write(HtmlPage page, IReadOnlyList<(string Name, RunCase Row)> cases)
    {
        page.Open("ul", ("class", "legend"));
        foreach ((string name, string text) in s_phases)
        {
            page.Element("li", text, ("class", name));
        }

        page.Close("ul");
        foreach (var size in cases.GroupBy(one => one.Row.Size))
        {
            page.Element("h3", $"{size.Key}, us per migration");
            page.Open("div", ("class", "bars"));
            decimal longest = Math.Max(0.001m, size.Max(one => PhasesOf(one.Row).Sum()));
            foreach ((string name, RunCase row) in size)
            {
                WriteBar(page, name, PhasesOf(row), longest);
            }

            page.Close("div");
        }
    }

    private static void WriteBar(HtmlPage page, string name, decimal[] phases, decimal longest)
    {
        page.Element("div", name, ("class", "name")).Open("div");
        page.Open("div", ("class", "bar"), ("role", "img"), ("aria-label", $"{name}: {Values(phases)}"));
        for (int index = 0; index < phases.Length; index++)
        {
            if (phases[index] > 0)
            {
                string width = (phases[index] / longest * 100).ToString("0.###", CultureInfo.InvariantCulture);
                page.Open("span", ("class", s_phases[index].Class), ("style", $"width:{width}%")).Close("span");
            }
        }

        page.Close("div").Element("div", Values(phases), ("class", "values")).Close("div");
    }

    private static string Values(decimal[] phases) => string.Join(
        ", ", phases.Select((time, index) => (time, s_phases[index].Class)).Where(phase => phase.time > 0)
            .Select(phase => string.Create(CultureInfo.InvariantCulture, $"{phase.Class} {phase.time:0.00}")));

    /// <summary>Times per migration in the order of the phases.</summary>
    private static decimal[] PhasesOf(RunCase row)
    {
        decimal whole = row.Measured.MigrateUs ?? (row.Measured.CpuUs ?? 0) + (row.Measured.CopyUs ?? 0);
        decimal cpu = row.Measured.CpuUs ?? 0;
        decimal copy = row.Measured.CopyUs ?? 0;
        decimal pages = Phase(row, "get_pages_us");
        decimal bind = Phase(row, "bind_us");
        decimal fault = Math.Max(Phase(row, "pagefault_us"), whole + pages + bind);
        return [cpu, copy, pages, bind, Math.Max(0, fault - cpu - copy - pages - bind)];
    }

    private static decimal Phase(RunCase row, string name) =>
        row.Phases is not null && row.Phases.TryGetValue(name, out ulong total) ? (decimal)total / row.Migrations : 0;
}
