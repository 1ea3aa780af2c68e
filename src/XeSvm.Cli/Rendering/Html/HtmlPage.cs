using System.Net;
using System.Text;

namespace XeSvm.Cli.Rendering.Html;

/// <summary>Writes HTML. Every text is encoded here: records come from anywhere.</summary>
internal sealed class HtmlPage
{
    private readonly StringBuilder _text = new();

    /// <summary>Opens an element.</summary>
    /// <param name="element">Its name.</param>
    /// <param name="attributes">Names and values; values are encoded.</param>
    internal HtmlPage Open(string element, params ReadOnlySpan<(string Name, string Value)> attributes)
    {
        _text.Append('<').Append(element);
        foreach ((string name, string value) in attributes)
        {
            _text.Append(' ').Append(name).Append("=\"").Append(Encode(value)).Append('"');
        }

        _text.Append('>');
        return this;
    }

    /// <summary>Closes an element.</summary>
    internal HtmlPage Close(string element)
    {
        _text.Append("</").Append(element).Append(">\n");
        return this;
    }

    /// <summary>Writes an element with a text in it.</summary>
    internal HtmlPage Element(string element, string text, params ReadOnlySpan<(string Name, string Value)> attributes)
    {
        Open(element, attributes);
        _text.Append(Encode(text));
        return Close(element);
    }

    /// <summary>Writes text that is HTML already: the style sheet, and nothing that was read.</summary>
    internal HtmlPage Raw(string html)
    {
        _text.Append(html);
        return this;
    }

    /// <summary>Writes a table; each cell has its heading with it, for screens too narrow for columns.</summary>
    /// <param name="table">The table.</param>
    /// <param name="kind">What the style sheet knows it as.</param>
    internal HtmlPage Table(TableModel table, string kind = "figures")
    {
        Open("table", ("class", kind)).Open("thead").Open("tr");
        foreach (TableColumn column in table.Columns)
        {
            Element("th", column.Title, ("class", ClassOf(column)), ("scope", "col"));
        }

        Close("tr").Close("thead").Open("tbody");
        foreach (string[] row in table.Rows)
        {
            Open("tr");
            for (int index = 0; index < row.Length; index++)
            {
                Element("td", row[index], ("class", ClassOf(table.Columns[index])), ("data-label", table.Columns[index].Title));
            }

            Close("tr");
        }

        return Close("tbody").Close("table");
    }

    /// <inheritdoc/>
    public override string ToString() => _text.ToString();

    private static string ClassOf(TableColumn column) => column.IsNumber ? "number" : "text";

    private static string Encode(string text) => WebUtility.HtmlEncode(text);
}
