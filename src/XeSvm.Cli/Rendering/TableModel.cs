namespace XeSvm.Cli.Rendering;

/// <summary>A column.</summary>
/// <param name="Group">The heading above neighbouring columns of one kind; empty for the columns that name a row.</param>
/// <param name="Title">The column's own heading.</param>
/// <param name="IsNumber">Whether it is aligned to the right.</param>
internal sealed record TableColumn(string Group, string Title, bool IsNumber = true);

/// <summary>A table of texts, before it is decided how it is drawn.</summary>
internal sealed class TableModel(IReadOnlyList<TableColumn> columns)
{
    private readonly List<string[]> _rows = [];

    /// <summary>The columns.</summary>
    internal IReadOnlyList<TableColumn> Columns => columns;

    /// <summary>The rows; each has one text per column.</summary>
    internal IReadOnlyList<string[]> Rows => _rows;

    /// <summary>Whether any column has a heading above its own.</summary>
    internal bool HasGroups => columns.Any(column => column.Group.Length > 0);

    /// <summary>Adds a row.</summary>
    internal void Add(params string[] cells)
    {
        if (cells.Length != columns.Count)
        {
            throw new ArgumentException($"The row has {cells.Length} cells for {columns.Count} columns.", nameof(cells));
        }

        _rows.Add(cells);
    }

    /// <summary>Width of a column: its heading and its cells.</summary>
    internal int WidthOf(int column) => _rows.Select(row => row[column].Length).Append(columns[column].Title.Length).Max();

    /// <summary>One table per group of columns, each with the columns that name a row.</summary>
    internal IEnumerable<TableModel> SplitByGroup() => columns
        .Select(column => column.Group)
        .Where(group => group.Length > 0)
        .Distinct(StringComparer.Ordinal)
        .Select(group => Select(column => column.Group.Length == 0 || column.Group == group));

    private TableModel Select(Func<TableColumn, bool> isWanted)
    {
        int[] wanted = [.. Enumerable.Range(0, columns.Count).Where(index => isWanted(columns[index]))];
        TableModel part = new([.. wanted.Select(index => columns[index])]);
        foreach (string[] row in _rows)
        {
            part.Add([.. wanted.Select(index => row[index])]);
        }

        return part;
    }
}
