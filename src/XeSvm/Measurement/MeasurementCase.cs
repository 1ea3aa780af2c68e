using XeSvm.Statistics;

namespace XeSvm.Measurement;

/// <summary>What one case of the measurement found, exactly.</summary>
/// <param name="Setup">What the work depends on, as the backend describes it.</param>
/// <param name="Times">Count and times of the migrations; the size class is in it.</param>
/// <param name="Counters">Operations of all migrations to the device together; empty when the backend does not count them.</param>
public sealed record MeasurementCase(MeasurementSetup Setup, MigrationTimes Times, IReadOnlyList<Counter> Counters)
{
    /// <summary>Digits behind the point of a count per migration that is not whole.</summary>
    private const int CounterDigits = 6;

    /// <summary>Operations per migration: total over migrations, exact.</summary>
    /// <param name="counter">One of <see cref="Counters"/>.</param>
    public ExactRatio PerMigration(Counter counter) => new(counter.Value, Times.Count);

    /// <summary>The case in the form of the run record.</summary>
    public RunCase ToRunCase()
    {
        Dictionary<string, decimal> perMigration = [];
        Dictionary<string, ulong> totals = [];
        foreach (Counter counter in Counters)
        {
            ExactRatio ratio = PerMigration(counter);
            perMigration.Add(counter.Name, ratio.ToDecimal(ratio.IsInteger ? 0 : CounterDigits, DecimalRounding.Nearest));
            totals.Add(counter.Name, counter.Value);
        }

        return new RunCase
        {
            Size = Times.SizeClass.Name,
            Strategy = Setup.Strategy,
            Iommu = Setup.Iommu.Mode,
            Layout = Setup.Layout,
            Walker = Setup.Iommu.Walker,
            Levels = Setup.Iommu.Levels,
            CachingMode = Setup.Iommu.CachingMode,
            WriteBufferFlush = Setup.Iommu.WriteBufferFlush,
            FlushRegression = Setup.Iommu.FlushRegression,
            Migrations = checked((long)Times.Count),
            Counters = perMigration,
            CounterTotals = totals,
            Measured = new RunMeasured(
                Digits(Times.CpuAverage, DecimalRounding.Nearest) ?? 0,
                Digits(Times.CopyAverage, DecimalRounding.Nearest) ?? 0,
                Digits(Times.Share, DecimalRounding.Truncate)),
        };
    }

    private static decimal? Digits(ExactRatio? ratio, DecimalRounding rounding) =>
        ratio?.ToDecimal(MigrationTimes.PublishedDigits, rounding);
}
