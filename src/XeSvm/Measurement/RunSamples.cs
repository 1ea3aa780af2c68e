using System.Text.Json;
using System.Text.Json.Serialization;
using XeSvm.Statistics;

namespace XeSvm.Measurement;

/// <summary>The times of a case one by one, in the order in which they were taken; whole microseconds, as the driver counts them.</summary>
/// <param name="PerRound">Samples of one round, at least 1; the last round may have fewer. Rounds are what errors are computed from.</param>
/// <param name="MigrateUs">Whole time of each sample, in us.</param>
/// <param name="CopyUs">The copy's part of it, in us; null when it is not known.</param>
/// <param name="Migrations">Migrations of each sample; null when each is one.</param>
public sealed record RunSamples(
    int PerRound,
    [property: JsonConverter(typeof(WholeNumberListConverter))] IReadOnlyList<long> MigrateUs,
    [property: JsonConverter(typeof(WholeNumberListConverter))] IReadOnlyList<long>? CopyUs = null,
    [property: JsonConverter(typeof(WholeNumberListConverter))] IReadOnlyList<long>? Migrations = null)
{
    /// <summary>How many samples there are.</summary>
    [JsonIgnore]
    public int Count => MigrateUs.Count;

    /// <summary>Whole time per migration, in us.</summary>
    public RatioEstimate MigrateTime() => RatioEstimate.Of(Clusters(index => MigrateUs[index]), Clusters(CountOf));

    /// <summary>Time per migration outside the copy, in us; null when the copy's part is not known.</summary>
    public RatioEstimate? CpuTime() => CopyUs is null ? null : RatioEstimate.Of(Clusters(CpuOf), Clusters(CountOf));

    /// <summary>The copy's time per migration, in us; null when it is not known.</summary>
    public RatioEstimate? CopyTime() => CopyUs is null ? null : RatioEstimate.Of(Clusters(index => CopyUs[index]), Clusters(CountOf));

    /// <summary>CPU time over migrate time; null when the copy's part is not known, or no time was counted.</summary>
    public RatioEstimate? Share() =>
        CopyUs is null || MigrateUs.Sum() == 0 ? null : RatioEstimate.Of(Clusters(CpuOf), Clusters(index => MigrateUs[index]));

    /// <summary>
    /// Whether the first and the second half of the samples differ: the machine was not the same all the time. Null with too few rounds.
    /// </summary>
    /// <param name="level">The significance level, such as 0.01.</param>
    public bool? Drifted(double level)
    {
        double[] times = Clusters(CopyUs is null ? index => MigrateUs[index] : CpuOf);
        double[] counts = Clusters(CountOf);
        int half = times.Length / 2;
        return half < 2
            ? null
            : WelchTest.Compare(
                RatioEstimate.Of(times.AsSpan(0, half), counts.AsSpan(0, half)),
                RatioEstimate.Of(times.AsSpan(half), counts.AsSpan(half)))?.PValue <= level;
    }

    private double CountOf(int index) => Migrations?[index] ?? 1;

    private double CpuOf(int index) => MigrateUs[index] - CopyUs![index];

    /// <summary>Sums over the rounds.</summary>
    private double[] Clusters(Func<int, double> value)
    {
        double[] sums = new double[(Count + PerRound - 1) / PerRound];
        for (int index = 0; index < Count; index++)
        {
            sums[index / PerRound] += value(index);
        }

        return sums;
    }
}

/// <summary>Writes a list of whole numbers on one line: a record has thousands of them.</summary>
internal sealed class WholeNumberListConverter : JsonConverter<IReadOnlyList<long>>
{
    /// <inheritdoc/>
    public override IReadOnlyList<long> Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            throw new JsonException("A list of whole numbers was expected.");
        }

        List<long> values = [];
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            values.Add(reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out long value)
                ? value
                : throw new JsonException("A whole number was expected."));
        }

        return values;
    }

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, IReadOnlyList<long> value, JsonSerializerOptions options) =>
        writer.WriteRawValue($"[{string.Join(", ", value)}]");
}
