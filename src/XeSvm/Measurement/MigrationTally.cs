using XeSvm.Statistics;

namespace XeSvm.Measurement;

/// <summary>Collects the samples of a case.</summary>
internal sealed class MigrationTally(MigrationCasePlan plan, int perRound)
{
    private readonly List<MigrationSample> _samples = [];
    private readonly List<Counter> _counters = [];
    private readonly List<Counter> _phases = [];

    /// <summary>Adds a sample.</summary>
    internal void Add(MigrationSample sample)
    {
        _samples.Add(sample);
        Add(_phases, sample.Phases);
    }

    /// <summary>Adds the operations of a round.</summary>
    internal void Add(IReadOnlyList<Counter> counters) => Add(_counters, counters);

    /// <summary>All of it.</summary>
    internal MeasurementCase ToCase(MeasurementSetup setup, int warmUp)
    {
        bool hasCopies = _samples.All(sample => sample.CopyMicroseconds is not null);
        bool isEach = _samples.All(sample => sample.Migrations == 1);
        MigrationTimes times = new(
            plan.Size,
            _samples.Aggregate(0UL, (sum, sample) => sum + (ulong)sample.Migrations),
            _samples.Aggregate(0UL, (sum, sample) => checked(sum + sample.MigrateMicroseconds)),
            hasCopies ? _samples.Aggregate(0UL, (sum, sample) => checked(sum + sample.CopyMicroseconds!.Value)) : 0);
        return new MeasurementCase(setup, times, _counters)
        {
            Cause = plan.Cause,
            Pages = plan.Pages,
            Clock = plan.Cause == MigrationCause.Fault ? MeasurementNames.StatisticsClock : MeasurementNames.RequestClock,
            HasCopyTimes = hasCopies,
            WarmUp = warmUp,
            Phases = _phases,
            Samples = new RunSamples(
                plan.Cause == MigrationCause.Fault && plan.Unit == SampleUnit.Round ? 1 : perRound,
                [.. _samples.Select(sample => checked((long)sample.MigrateMicroseconds))],
                hasCopies ? [.. _samples.Select(sample => checked((long)sample.CopyMicroseconds!.Value))] : null,
                isEach ? null : [.. _samples.Select(sample => (long)sample.Migrations)]),
        };
    }

    private static void Add(List<Counter> sums, IReadOnlyList<Counter> counters)
    {
        foreach (Counter counter in counters)
        {
            int index = sums.FindIndex(known => known.Name == counter.Name);
            if (index < 0)
            {
                sums.Add(counter);
            }
            else
            {
                sums[index] = counter with { Value = checked(sums[index].Value + counter.Value) };
            }
        }
    }
}
