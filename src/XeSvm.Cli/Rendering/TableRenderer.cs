using Spectre.Console;

namespace XeSvm.Cli.Rendering;

/// <summary>Draws a table in the way that suits the console.</summary>
internal static class TableRenderer
{
    /// <summary>
    /// Draws the table: on a terminal as one bordered table per group of columns, which fits where one wide table would not; elsewhere as
    /// aligned lines.
    /// </summary>
    internal static void Write(CliConsole console, TableModel table)
    {
        if (!console.OutputIsTerminal)
        {
            PlainTable.Write(console.Output, table);
            return;
        }

        IAnsiConsole ansi = console.Ansi(console.Output);
        foreach (TableModel part in table.HasGroups ? table.SplitByGroup() : [table])
        {
            ansi.Write(Draw(part));
        }
    }

    private static Table Draw(TableModel model)
    {
        string title = model.Columns[^1].Group;
        Table table = new() { Border = TableBorder.Rounded };
        if (title.Length > 0)
        {
            table.Title = new TableTitle(Markup.Escape(title));
        }

        foreach (TableColumn column in model.Columns)
        {
            Spectre.Console.TableColumn drawn = new(Markup.Escape(column.Title));
            table.AddColumn(column.IsNumber ? drawn.RightAligned() : drawn.LeftAligned());
        }

        foreach (string[] row in model.Rows)
        {
            table.AddRow(row.Select(Markup.Escape).ToArray());
        }

        return table;
    }
}
