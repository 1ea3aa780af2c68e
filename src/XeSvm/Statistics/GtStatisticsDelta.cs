namespace XeSvm.Statistics;

/// <summary>What a GT did between two snapshots of its statistics.</summary>
public sealed class GtStatisticsDelta
{
    private GtStatisticsDelta(CounterDelta counters) => Counters = counters;

    /// <summary>How far each counter moved.</summary>
    public CounterDelta Counters { get; }

    /// <summary>Takes the difference of two snapshots.</summary>
    /// <param name="before">The earlier one.</param>
    /// <param name="after">The later one.</param>
    /// <exception cref="CounterTextException">A counter ran backwards, or only one of the two texts has it.</exception>
    public static GtStatisticsDelta Between(GtStatistics before, GtStatistics after)
    {
        ArgumentNullException.ThrowIfNull(before);
        ArgumentNullException.ThrowIfNull(after);
        return new GtStatisticsDelta(CounterDelta.Between(before.Snapshot, after.Snapshot));
    }

    /// <summary>The migration times of one size class.</summary>
    /// <param name="sizeClass">The class.</param>
    /// <returns>The times, or <see langword="null"/> when the texts have none of the class's counters.</returns>
    /// <exception cref="CounterTextException">One of the three counters is missing, or they contradict each other.</exception>
    public MigrationTimes? TimesOf(SvmSizeClass sizeClass)
    {
        ArgumentNullException.ThrowIfNull(sizeClass);
        string[] names = [$"svm_{sizeClass}_migrate_count", $"svm_{sizeClass}_migrate_us", $"svm_{sizeClass}_device_copy_us"];
        ulong[] values = new ulong[names.Length];
        List<string> missing = [];
        for (int index = 0; index < names.Length; index++)
        {
            if (!Counters.TryGet(names[index], out values[index]))
            {
                missing.Add(names[index]);
            }
        }

        if (missing.Count == names.Length)
        {
            return null;
        }

        if (missing.Count > 0)
        {
            throw new CounterTextException(
                $"{Counters.Source}: {string.Join(" and ", missing)} missing; the CPU time of {sizeClass} migrations needs " +
                $"{string.Join(", ", names)}.");
        }

        return new MigrationTimes(sizeClass, values[0], values[1], values[2]);
    }
}
