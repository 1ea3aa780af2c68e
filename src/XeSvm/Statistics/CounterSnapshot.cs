using System.Globalization;

namespace XeSvm.Statistics;

/// <summary>
/// The counters of one text of <c>name: value</c> lines, the form of the kernel's GT statistics (xe_gt_stats.c). Order and unknown
/// names are kept.
/// </summary>
public sealed class CounterSnapshot
{
    private readonly List<Counter> _counters;
    private readonly Dictionary<string, int> _indexes;

    private CounterSnapshot(string source, List<Counter> counters, Dictionary<string, int> indexes)
    {
        Source = source;
        _counters = counters;
        _indexes = indexes;
    }

    /// <summary>Where the text came from, for messages: a file's name or a debug file's name.</summary>
    public string Source { get; }

    /// <summary>All counters in the text's order.</summary>
    public IReadOnlyList<Counter> Counters => _counters;

    /// <summary>Reads a text.</summary>
    /// <param name="text">
    /// Lines of <c>name: value</c>, each ended by a newline. The kernel ends every line, so a last line without an end was cut, and
    /// perhaps its number with it: that is an error. Empty lines are passed over.
    /// </param>
    /// <param name="source">The name that messages give the text.</param>
    /// <exception cref="CounterTextException">A line cannot be read, a name occurs twice, or there is no counter at all.</exception>
    public static CounterSnapshot Parse(string text, string source)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(source);
        List<Counter> counters = [];
        Dictionary<string, int> indexes = new(StringComparer.Ordinal);
        int number = 0;
        int start = 0;
        while (start < text.Length)
        {
            number++;
            int end = text.IndexOf('\n', start);
            ReadOnlySpan<char> line = end < 0 ? text.AsSpan(start) : text.AsSpan(start, end - start);
            start = end < 0 ? text.Length : end + 1;
            if (line.IsWhiteSpace())
            {
                continue;
            }

            if (end < 0)
            {
                throw Error(
                    source, number, line, "is the last line and has no newline at its end: the text was cut, and the number perhaps with it");
            }

            Counter counter = ParseLine(line, source, number);
            if (!indexes.TryAdd(counter.Name, counters.Count))
            {
                throw Error(source, number, line, $"names a counter that line {counters[indexes[counter.Name]].Line} has already");
            }

            counters.Add(counter);
        }

        if (counters.Count == 0)
        {
            throw new CounterTextException($"{source}: line 1: the text is empty; expected lines of 'name: value', as gt0/stats has them.");
        }

        return new CounterSnapshot(source, counters, indexes);
    }

    /// <summary>
    /// Adds up snapshots that were taken at one moment, such as those of all GTs of a device: a fault is counted where it happened, the
    /// copy where the VRAM is. Counters come in the order in which they are first seen.
    /// </summary>
    /// <param name="snapshots">The snapshots, at least one.</param>
    /// <exception cref="CounterTextException">A sum does not fit in 64 bits.</exception>
    public static CounterSnapshot Sum(IReadOnlyList<CounterSnapshot> snapshots)
    {
        ArgumentNullException.ThrowIfNull(snapshots);
        ArgumentOutOfRangeException.ThrowIfZero(snapshots.Count);
        if (snapshots.Count == 1)
        {
            return snapshots[0];
        }

        List<Counter> counters = [];
        Dictionary<string, int> indexes = new(StringComparer.Ordinal);
        foreach (CounterSnapshot snapshot in snapshots)
        {
            foreach (Counter counter in snapshot.Counters)
            {
                if (indexes.TryAdd(counter.Name, counters.Count))
                {
                    counters.Add(counter);
                    continue;
                }

                int index = indexes[counter.Name];
                ulong sum = unchecked(counters[index].Value + counter.Value);
                counters[index] = sum >= counter.Value
                    ? counters[index] with { Value = sum }
                    : throw new CounterTextException($"{snapshot.Source}: line {counter.Line}: {counter.Name} of all texts together is above 64 bits.");
            }
        }

        return new CounterSnapshot(string.Join(" + ", snapshots.Select(snapshot => snapshot.Source)), counters, indexes);
    }

    /// <summary>Finds a counter.</summary>
    /// <param name="name">Its name, exactly as the text spells it.</param>
    /// <param name="counter">The counter when the result is <see langword="true"/>.</param>
    public bool TryGet(string name, out Counter counter)
    {
        if (_indexes.TryGetValue(name, out int index))
        {
            counter = _counters[index];
            return true;
        }

        counter = default;
        return false;
    }

    private static Counter ParseLine(ReadOnlySpan<char> line, string source, int number)
    {
        int colon = line.IndexOf(':');
        if (colon < 0)
        {
            throw Error(source, number, line, "has no colon; expected 'name: value'");
        }

        ReadOnlySpan<char> name = line[..colon].Trim();
        if (name.IsEmpty || name.IndexOfAnyInRange('\0', ' ') >= 0)
        {
            throw Error(source, number, line, "does not begin with the name of a counter; expected 'name: value'");
        }

        ReadOnlySpan<char> value = line[(colon + 1)..].Trim();
        if (!ulong.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out ulong parsed))
        {
            throw Error(source, number, line, "has a value that is not a whole number between 0 and 18446744073709551615");
        }

        return new Counter(name.ToString(), parsed, number);
    }

    private static CounterTextException Error(string source, int number, ReadOnlySpan<char> line, string problem) =>
        new($"{source}: line {number}: {TextExcerpt.Quote(line)} {problem}.");
}
