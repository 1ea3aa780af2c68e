using XeSvm.Statistics;

namespace XeSvm.Measurement;

/// <summary>Sums up the rounds of a measurement.</summary>
internal sealed class MigrationTally(SvmSizeClass size)
{
    private readonly List<Counter> _counters = [];

    /// <summary>Count and times so far.</summary>
    internal MigrationTimes Times { get; private set; } = new(size, 0, 0, 0);

    /// <summary>Operations so far, in the order of the backend's text.</summary>
    internal IReadOnlyList<Counter> Counters => _counters;

    /// <summary>Adds a round.</summary>
    internal void Add(MigrationTimes times, IReadOnlyList<Counter> counters)
    {
        Times = Times.Add(times);
        foreach (Counter counter in counters)
        {
            int index = _counters.FindIndex(known => known.Name == counter.Name);
            if (index < 0)
            {
                _counters.Add(counter);
            }
            else
            {
                _counters[index] = counter with { Value = checked(_counters[index].Value + counter.Value) };
            }
        }
    }
}
