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

    /// <summary>What made the memory move.</summary>
    public MigrationCause Cause { get; init; }

    /// <summary>What pages it consisted of.</summary>
    public PageBacking Pages { get; init; }

    /// <summary>Whose clock the times are of: <see cref="MeasurementNames.StatisticsClock"/> or <see cref="MeasurementNames.RequestClock"/>.</summary>
    public string Clock { get; init; } = MeasurementNames.StatisticsClock;

    /// <summary>Whether the copies' part of the times is known; else <see cref="Times"/> has 0 for it.</summary>
    public bool HasCopyTimes { get; init; } = true;

    /// <summary>Migrations that went ahead and are not in the figures.</summary>
    public int WarmUp { get; init; }

    /// <summary>Other times of the driver's that belong to the migrations' faults, in us; empty when it does not count them.</summary>
    public IReadOnlyList<Counter> Phases { get; init; } = [];

    /// <summary>The times one by one.</summary>
    public RunSamples? Samples { get; init; }

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
            Cause = MeasurementNames.NameOf(MeasurementNames.Causes, Cause),
            Clock = Clock,
            Pages = MeasurementNames.NameOf(MeasurementNames.Pages, Pages),
            WarmUp = WarmUp,
            Phases = Phases.Count == 0 ? null : Phases.ToDictionary(phase => phase.Name, phase => phase.Value),
            Measured = Measured(),
            Samples = Samples,
        };
    }

    private RunMeasured Measured() => new(
        HasCopyTimes ? Digits(Times.CpuAverage, DecimalRounding.Nearest) : null,
        HasCopyTimes ? Digits(Times.CopyAverage, DecimalRounding.Nearest) : null,
        HasCopyTimes ? Digits(Times.Share, DecimalRounding.Truncate) : null)
    {
        MigrateUs = Digits(Times.MigrateAverage, DecimalRounding.Nearest),
        Confidence = Samples?.MigrateTime().HasError == true ? RunMeasured.UsualConfidence : null,
        CpuInterval = RunInterval.Of(Samples?.CpuTime()),
        CopyInterval = RunInterval.Of(Samples?.CopyTime()),
        MigrateInterval = RunInterval.Of(Samples?.MigrateTime()),
    };

    private static decimal? Digits(ExactRatio? ratio, DecimalRounding rounding) =>
        ratio?.ToDecimal(MigrationTimes.PublishedDigits, rounding);
}
