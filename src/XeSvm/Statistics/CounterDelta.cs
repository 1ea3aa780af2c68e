namespace XeSvm.Statistics;

/// <summary>How far each counter moved between two snapshots of the same text.</summary>
public sealed class CounterDelta
{
    private readonly List<Counter> _counters;
    private readonly Dictionary<string, ulong> _values;

    private CounterDelta(string source, List<Counter> counters, Dictionary<string, ulong> values)
    {
        Source = source;
        _counters = counters;
        _values = values;
    }

    /// <summary>The two texts' names, for messages.</summary>
    public string Source { get; }

    /// <summary>The differences in the order of the later text; the line numbers are the later text's.</summary>
    public IReadOnlyList<Counter> Counters => _counters;

    /// <summary>Takes the difference of two snapshots.</summary>
    /// <param name="before">The earlier one.</param>
    /// <param name="after">The later one.</param>
    /// <exception cref="CounterTextException">A counter ran backwards, or only one of the two texts has it.</exception>
    public static CounterDelta Between(CounterSnapshot before, CounterSnapshot after)
    {
        ArgumentNullException.ThrowIfNull(before);
        ArgumentNullException.ThrowIfNull(after);
        List<Counter> counters = new(after.Counters.Count);
        Dictionary<string, ulong> values = new(after.Counters.Count, StringComparer.Ordinal);
        foreach (Counter late in after.Counters)
        {
            if (!before.TryGet(late.Name, out Counter early))
            {
                throw Missing(late, after, before);
            }

            if (late.Value < early.Value)
            {
                throw new CounterTextException(
                    $"{late.Name} ran backwards: {early.Value} in {before.Source} line {early.Line}, {late.Value} in {after.Source} line " +
                    $"{late.Line}. The statistics were reset in between, or the two texts are the wrong way round.");
            }

            counters.Add(late with { Value = late.Value - early.Value });
            values.Add(late.Name, late.Value - early.Value);
        }

        foreach (Counter early in before.Counters)
        {
            if (!values.ContainsKey(early.Name))
            {
                throw Missing(early, before, after);
            }
        }

        return new CounterDelta($"{before.Source} to {after.Source}", counters, values);
    }

    /// <summary>Finds a difference.</summary>
    /// <param name="name">The counter's name.</param>
    /// <param name="value">How far it moved when the result is <see langword="true"/>.</param>
    public bool TryGet(string name, out ulong value) => _values.TryGetValue(name, out value);

    private static CounterTextException Missing(Counter counter, CounterSnapshot present, CounterSnapshot absent) =>
        new($"{counter.Name} stands in {present.Source} line {counter.Line} but not in {absent.Source}, which ends at line " +
            $"{absent.Counters[^1].Line}. Both texts must be of the same device and driver, and whole.");
}
