using System.Text.Json.Serialization;
using XeSvm.Statistics;

namespace XeSvm.Measurement;

/// <summary>The times of a case.</summary>
/// <param name="CpuUs">Time of one migration outside the copy, in us; null when the copy's part is not known.</param>
/// <param name="CopyUs">Time of one migration's copy, in us; null when it is not known.</param>
/// <param name="Share">CPU time as a share of the whole, 0 to 1; null when it is not known, or no whole microsecond was counted.</param>
public sealed record RunMeasured(decimal? CpuUs, decimal? CopyUs, decimal? Share)
{
    /// <summary>The confidence of the intervals that measurements give.</summary>
    public const decimal UsualConfidence = 0.95m;

    /// <summary>Whole time of one migration, in us; absent in records of schema 1.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public decimal? MigrateUs { get; init; }

    /// <summary>The confidence of the intervals, above 0 and below 1; absent without them.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public decimal? Confidence { get; init; }

    /// <summary>The interval of <see cref="CpuUs"/>; absent with fewer than two rounds.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public RunInterval? CpuInterval { get; init; }

    /// <summary>The interval of <see cref="CopyUs"/>; absent with fewer than two rounds.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public RunInterval? CopyInterval { get; init; }

    /// <summary>The interval of <see cref="MigrateUs"/>; absent with fewer than two rounds.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public RunInterval? MigrateInterval { get; init; }
}

/// <summary>A confidence interval, in us.</summary>
/// <param name="Low">The lower end; not below 0, as no time is.</param>
/// <param name="High">The upper end.</param>
public sealed record RunInterval(decimal Low, decimal High)
{
    private const int Digits = 6;

    /// <summary>Half the interval's width before it was cut at 0, as close as the two ends tell.</summary>
    [JsonIgnore]
    public decimal HalfWidth => (High - Low) / 2;

    /// <summary>The interval of an estimate, or null without one.</summary>
    internal static RunInterval? Of(RatioEstimate? estimate) =>
        estimate?.Interval((double)RunMeasured.UsualConfidence) is { } interval
            ? new RunInterval(Math.Round((decimal)Math.Max(0, interval.Low), Digits), Math.Round((decimal)interval.High, Digits))
            : null;
}
