namespace XeSvm.Measurement;

/// <summary>How often the counters are read.</summary>
public enum SampleUnit
{
    /// <summary>After each migration: the distribution of migration times is seen.</summary>
    Migration,

    /// <summary>After each round of migrations that follow each other without a pause, as in the published runs.</summary>
    Round,
}
