using System.Text;

namespace XeSvm.Cli.Rendering;

/// <summary>Draws a table as aligned lines, for files and pipes.</summary>
internal static class PlainTable
{
    private const string Gap = "  ";

    /// <summary>Writes the table: a line of group headings, a line of headings, one line per row.</summary>
    internal static void Write(TextWriter writer, TableModel table)
    {
        int[] widths = [.. Enumerable.Range(0, table.Columns.Count).Select(table.WidthOf)];
        Widen(widths, table);
        if (table.HasGroups)
        {
            writer.WriteLine(GroupLine(widths, table));
        }

        writer.WriteLine(Line(widths, table, [.. table.Columns.Select(column => column.Title)]));
        foreach (string[] row in table.Rows)
        {
            writer.WriteLine(Line(widths, table, row));
        }
    }

    private static string Line(int[] widths, TableModel table, string[] cells) => string.Join(
        Gap,
        cells.Select((cell, index) => table.Columns[index].IsNumber
            ? cell.PadLeft(widths[index])
            : cell.PadRight(widths[index]))).TrimEnd();

    private static string GroupLine(int[] widths, TableModel table)
    {
        StringBuilder line = new();
        foreach ((string group, int first, int last) in Groups(table))
        {
            int width = Enumerable.Range(first, last - first + 1).Sum(index => widths[index]) + (last - first) * Gap.Length;
            line.Append(first == 0 ? "" : Gap).Append((group.Length == 0 ? "" : $"[{group}]").PadRight(width));
        }

        return line.ToString().TrimEnd();
    }

    /// <summary>Gives the last column of a group the room that the group's heading needs.</summary>
    private static void Widen(int[] widths, TableModel table)
    {
        foreach ((string group, int first, int last) in Groups(table).ToList())
        {
            int width = Enumerable.Range(first, last - first + 1).Sum(index => widths[index]) + (last - first) * Gap.Length;
            widths[last] += Math.Max(0, group.Length + 2 - width);
        }
    }

    private static IEnumerable<(string Group, int First, int Last)> Groups(TableModel table)
    {
        int first = 0;
        for (int index = 1; index <= table.Columns.Count; index++)
        {
            if (index == table.Columns.Count || table.Columns[index].Group != table.Columns[first].Group)
            {
                yield return (table.Columns[first].Group, first, index - 1);
                first = index;
            }
        }
    }
}
