namespace XeSvm.Cli.Rendering;

/// <summary>Lines of a label and a text; a text too long for the console goes on below itself.</summary>
internal sealed class LabelledText(CliConsole console)
{
    private const int LabelWidth = 12;
    private const int PlainWidth = 120;

    private readonly int _width = Math.Max(LabelWidth + 20, console.OutputIsTerminal ? console.Width : PlainWidth) - LabelWidth;

    /// <summary>Writes a label and its text.</summary>
    internal void Write(string label, string text)
    {
        string start = label.PadRight(LabelWidth);
        foreach (string line in Wrap(text))
        {
            console.Output.WriteLine(start + line);
            start = new string(' ', LabelWidth);
        }
    }

    private IEnumerable<string> Wrap(string text)
    {
        string line = "";
        foreach (string word in text.Split(' '))
        {
            if (line.Length > 0 && line.Length + 1 + word.Length > _width)
            {
                yield return line;
                line = word;
            }
            else
            {
                line = line.Length == 0 ? word : $"{line} {word}";
            }
        }

        yield return line;
    }
}
