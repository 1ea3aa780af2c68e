using Spectre.Console;

namespace XeSvm.Cli.Rendering;

/// <summary>Draws a table in the way that suits the console.</summary>
internal static class TableRenderer
{
    // Border and one blank on both sides of each cell.
    private const int CellOverhead = 3;

    /// <summary>Draws the table: with borders on a terminal, in parts when it is too wide for it; as aligned lines elsewhere.</summary>
    internal static void Write(CliConsole console, TableModel table)
    {
        if (!console.OutputIsTerminal)
        {
            PlainTable.Write(console.Output, table);
            return;
        }

        bool fits = Enumerable.Range(0, table.Columns.Count).Sum(column => HeadedWidthOf(table, column) + CellOverhead) + 1 <= console.Width;
        IAnsiConsole ansi = console.Ansi(console.Output);
        foreach (TableModel part in fits || !table.HasGroups ? [table] : table.SplitByGroup())
        {
            ansi.Write(Draw(part));
        }
    }

    private static int HeadedWidthOf(TableModel table, int column) =>
        Math.Max(table.WidthOf(column), LongestWord(table.Columns[column].Group));

    private static int LongestWord(string text) => text.Split(' ').Max(word => word.Length);

    private static Table Draw(TableModel model)
    {
        Table table = new() { Border = TableBorder.Rounded };
        string? previous = null;
        foreach (TableColumn column in model.Columns)
        {
            // The group's name stands once, above its first column.
            string group = column.Group == previous ? "" : column.Group;
            previous = column.Group;
            string heading = model.HasGroups ? $"{group}\n{column.Title}" : column.Title;
            AddColumn(table, Markup.Escape(heading), column.IsNumber);
        }

        foreach (string[] row in model.Rows)
        {
            table.AddRow(row.Select(Markup.Escape).ToArray());
        }

        return table;
    }

    private static void AddColumn(Table table, string heading, bool isNumber)
    {
        Spectre.Console.TableColumn column = new(heading);
        table.AddColumn(isNumber ? column.RightAligned() : column.LeftAligned());
    }
}
