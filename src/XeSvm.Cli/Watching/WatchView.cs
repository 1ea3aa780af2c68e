using System.Globalization;
using Spectre.Console;
using Spectre.Console.Rendering;
using XeSvm.Cli.Rendering;
using XeSvm.Statistics;

namespace XeSvm.Cli.Watching;

/// <summary>A frame as text: one table for each GT, and the other counters that moved beside it where there is room.</summary>
internal static class WatchView
{
    /// <summary>From this width on the other counters stand beside the table.</summary>
    internal const int WideColumns = 140;

    private const int MostOthers = 12;

    /// <summary>The frame for a terminal of a width.</summary>
    internal static IRenderable Draw(WatchFrame frame, string title, int width)
    {
        List<IRenderable> parts = [new Text(title), new Text(Footer(frame))];
        foreach (WatchedGt gt in frame.Gts)
        {
            IRenderable main = gt.Problem is null ? Sizes(frame, gt) : new Text($"GT {gt.Gt}: {gt.Problem}");
            if (gt.Others.Count == 0)
            {
                parts.Add(main);
            }
            else if (width >= WideColumns)
            {
                parts.Add(new Grid { Expand = false }.AddColumn().AddColumn().AddRow(main, Others(frame, gt)));
            }
            else
            {
                parts.Add(main);
                parts.Add(Others(frame, gt));
            }
        }

        return new Rows(parts);
    }

    /// <summary>The frame as a table for files and pipes.</summary>
    internal static TableModel ToTable(WatchFrame frame)
    {
        TableModel table = new(
        [
            new("", "gt"), new("", "size", IsNumber: false), new("", "faults/s"), new("", "migrations/s"), new("", "cpu us"), new("", "copy us"),
            new("", "share"), new("", "migrations"),
        ]);
        foreach (WatchedGt gt in frame.Gts)
        {
            foreach (WatchedSize size in gt.Sizes)
            {
                table.Add([gt.Gt.ToString(CultureInfo.InvariantCulture), .. Cells(frame, size)]);
            }
        }

        return table;
    }

    /// <summary>One line for each other counter that moved, and for each GT that cannot be read.</summary>
    internal static IEnumerable<string> Remarks(WatchFrame frame) => frame.Gts.SelectMany(gt => gt.Problem is not null
        ? [$"GT {gt.Gt}: {gt.Problem}"]
        : gt.Others.Select(counter => $"GT {gt.Gt}: {counter.Name} +{counter.Value}{Remark(counter)}"));

    private static Table Sizes(WatchFrame frame, WatchedGt gt)
    {
        Table table = new() { Border = TableBorder.Rounded, Title = new TableTitle($"GT {gt.Gt}") };
        foreach (string heading in (string[])["size", "faults/s", "migr/s", "cpu us", "copy us", "share", "migrations"])
        {
            Spectre.Console.TableColumn column = new(heading) { NoWrap = true };
            table.AddColumn(heading == "size" ? column : column.RightAligned());
        }

        foreach (WatchedSize size in gt.Sizes)
        {
            table.AddRow([.. Cells(frame, size).Select(Markup.Escape)]);
        }

        return table;
    }

    private static Table Others(WatchFrame frame, WatchedGt gt)
    {
        Table table = new() { Border = TableBorder.Rounded, Title = new TableTitle($"GT {gt.Gt}, other counters that moved") };
        table.AddColumn("counter");
        table.AddColumn(new Spectre.Console.TableColumn("/s") { NoWrap = true }.RightAligned());
        foreach (Counter counter in gt.Others.Take(MostOthers))
        {
            table.AddRow(Markup.Escape(counter.Name + Remark(counter)), Rate(counter.Value, frame));
        }

        if (gt.Others.Count > MostOthers)
        {
            table.AddRow($"and {gt.Others.Count - MostOthers} more", "");
        }

        return table;
    }

    private static string Remark(Counter counter) => GtStatistics.KnownNames.Contains(counter.Name) ? "" : " (not known)";

    private static string[] Cells(WatchFrame frame, WatchedSize size) =>
    [
        size.Size.Name, Rate(size.Faults, frame), Rate(size.Migrations, frame), Figures.Cost(size.CpuUs), Figures.Cost(size.CopyUs),
        Figures.Share((decimal?)size.Share), size.Total.ToString(CultureInfo.InvariantCulture),
    ];

    private static string Rate(ulong count, WatchFrame frame) =>
        (count / Math.Max(1e-9, frame.Interval.TotalSeconds)).ToString("0.#", CultureInfo.InvariantCulture);

    private static string Footer(WatchFrame frame) =>
        string.Create(CultureInfo.InvariantCulture, $"every {frame.Interval.TotalSeconds:0.0} s; cpu and copy us are of one migration; Ctrl-C ends");
}
