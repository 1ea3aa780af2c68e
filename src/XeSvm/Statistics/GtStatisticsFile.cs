namespace XeSvm.Statistics;

/// <summary>
/// A saved text with the statistics of one GT or of several: the plain file; several files as <c>head -n 999 gt*/stats</c> prints them, each
/// under a line <c>==> NAME &lt;==</c>; or as <c>grep . gt*/stats</c> does, each line behind its file's name and a colon.
/// </summary>
public static class GtStatisticsFile
{
    private const string HeadingStart = "==> ";
    private const string HeadingEnd = " <==";
    private const string GrepMark = "/stats:";

    /// <summary>Reads a text.</summary>
    /// <param name="text">The whole text.</param>
    /// <param name="source">The name that messages give it.</param>
    /// <returns>The GTs in the order of the text, each with its name; one GT without a name of its own has the source's.</returns>
    /// <exception cref="CounterTextException">The text is not whole or not of this form; the message names the line.</exception>
    public static IReadOnlyList<KeyValuePair<string, GtStatistics>> Parse(string text, string source)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(source);
        List<Section> sections = Split(text);
        if (sections.Count == 0)
        {
            return [new(source, GtStatistics.Parse(text, source))];
        }

        string? twice = sections.GroupBy(section => section.Name, StringComparer.Ordinal).FirstOrDefault(group => group.Count() > 1)?.Key;
        return twice is null
            ? [.. sections.Select(section => KeyValuePair.Create(section.Name, GtStatistics.Parse(section.Text, $"{source}, {section.Name}")))]
            : throw new CounterTextException($"{source}: {TextExcerpt.Quote(twice)} is there twice.");
    }

    /// <summary>The parts of a text of several files; none when it is of one. Line numbers stay those of the whole text.</summary>
    private static List<Section> Split(string text)
    {
        List<Section> sections = [];
        string[] lines = text.Split('\n');
        for (int number = 0; number < lines.Length; number++)
        {
            string line = lines[number].TrimEnd('\r');
            string end = number < lines.Length - 1 ? "\n" : "";
            if (line.StartsWith(HeadingStart, StringComparison.Ordinal) && line.EndsWith(HeadingEnd, StringComparison.Ordinal))
            {
                sections.Add(new Section(ShortName(line[HeadingStart.Length..^HeadingEnd.Length]), new string('\n', number + 1)));
            }
            else if (line.IndexOf(GrepMark, StringComparison.Ordinal) is >= 0 and int mark)
            {
                string name = ShortName(line[..(mark + GrepMark.Length - 1)]);
                if (sections.LastOrDefault()?.Name != name)
                {
                    sections.Add(new Section(name, new string('\n', number)));
                }

                sections[^1].Text += line[(mark + GrepMark.Length)..] + end;
            }
            else if (sections.Count > 0)
            {
                sections[^1].Text += line + end;
            }
            else if (line.Trim().Length > 0)
            {
                return [];
            }
        }

        return sections;
    }

    /// <summary>The last two parts of a path: <c>gt0/stats</c>.</summary>
    private static string ShortName(string path) => string.Join('/', path.Split('/').TakeLast(2));

    private sealed class Section(string name, string text)
    {
        internal string Name { get; } = name;

        internal string Text { get; set; } = text;
    }
}
