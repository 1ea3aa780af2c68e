using System.Text.Json;
using System.Text.Json.Serialization;
using XeSvm.Statistics;

namespace XeSvm.Measurement;

/// <summary>What a run of the measurement found, in the form that is written to files: JSON, schema <c>xesvm.run/2</c>.</summary>
public sealed record RunRecord
{
    /// <summary>The schema that this version writes.</summary>
    public const string CurrentSchema = "xesvm.run/2";

    /// <summary>The schema of before samples, intervals and machine facts; this version reads it.</summary>
    public const string FirstSchema = "xesvm.run/1";

    /// <summary>Characters that a record may have at most.</summary>
    public const int LargestText = 64 << 20;

    /// <summary>Deeper JSON than any record is refused before it is read.</summary>
    private const int DeepestJson = 16;

    /// <summary>The schema's name; <see cref="CurrentSchema"/>, or <see cref="FirstSchema"/> of a record that was read.</summary>
    public string Schema { get; init; } = CurrentSchema;

    /// <summary>The record's name; absent when it has none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Name { get; init; }

    /// <summary>When the run ended, in UTC; absent in records of schema 1.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public DateTimeOffset? Created { get; init; }

    /// <summary>The backend that ran: <c>kernel</c> or <c>software</c>.</summary>
    public required string Backend { get; init; }

    /// <summary>Why this backend ran.</summary>
    public required string Reason { get; init; }

    /// <summary>The device node that was opened.</summary>
    public required string Device { get; init; }

    /// <summary>How CPU touches of migrated memory are noticed, as the backend says; <c>coherent</c> means that they are not.</summary>
    public required string CpuFaults { get; init; }

    /// <summary>The machine.</summary>
    public required RunHost Host { get; init; }

    /// <summary>What else was known of the machine, by name (<see cref="MachineFacts"/>); absent in records of schema 1.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyDictionary<string, string>? Machine { get; init; }

    /// <summary>How quiet the machine was; absent in records of schema 1.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public RunNoise? Noise { get; init; }

    /// <summary>What a reader of the figures must know: a fallback that was taken, for one. Absent when there is nothing.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<string>? Notes { get; init; }

    /// <summary>What kinds of numbers the record holds.</summary>
    public RunTimeFaces TimeFaces { get; init; } = new();

    /// <summary>One entry per size and setup, in the order in which they ran.</summary>
    public required IReadOnlyList<RunCase> Cases { get; init; }

    /// <summary>Reads a record.</summary>
    /// <param name="json">The whole text.</param>
    /// <param name="source">The name that messages give the text.</param>
    /// <exception cref="RunRecordException">The text is not JSON, is of another schema, or breaks the schema's rules.</exception>
    public static RunRecord Parse(string json, string source)
    {
        ArgumentNullException.ThrowIfNull(json);
        ArgumentNullException.ThrowIfNull(source);
        if (json.Length > LargestText)
        {
            throw new RunRecordException($"{source}: the text has {json.Length} characters; a record has at most {LargestText}.");
        }

        try
        {
            using JsonDocument document = JsonDocument.Parse(
                json, new JsonDocumentOptions { AllowDuplicateProperties = false, MaxDepth = DeepestJson });
            RequireSchema(document.RootElement, source);
            RunRecord record = document.RootElement.Deserialize(RunRecordJson.Default.RunRecord)
                ?? throw new RunRecordException($"{source}: the record is null.");

            // The generated reader gives null to a property that the text leaves out, whatever its initializer says.
            record = record with { TimeFaces = (RunTimeFaces?)record.TimeFaces ?? new RunTimeFaces() };
            RunRecordRules.Check(record, source);
            return record;
        }
        catch (Exception exception) when (exception is JsonException or FormatException and not RunRecordException)
        {
            throw new RunRecordException(
                $"{source}: not a record of schema {CurrentSchema} or {FirstSchema}: {TextExcerpt.Clean(exception.Message)}", exception);
        }
    }

    /// <summary>The record as indented JSON, ended by a newline.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, RunRecordJson.Default.RunRecord) + "\n";

    private static void RequireSchema(JsonElement root, string source)
    {
        if (root.ValueKind != JsonValueKind.Object
            || !root.TryGetProperty("schema", out JsonElement schema)
            || schema.ValueKind != JsonValueKind.String)
        {
            throw new RunRecordException($"{source}: there is no 'schema'; expected a JSON object with \"schema\": \"{CurrentSchema}\".");
        }

        if (schema.GetString() is not (CurrentSchema or FirstSchema))
        {
            throw new RunRecordException(
                $"{source}: the schema is {TextExcerpt.Quote(schema.GetString())}; this program reads '{CurrentSchema}' and '{FirstSchema}'.");
        }
    }
}

/// <summary>The machine that a run ran on.</summary>
/// <param name="Kernel">The kernel's release, as <c>uname -r</c> prints it.</param>
/// <param name="Cpu">The processor's model name.</param>
/// <param name="Processors">Logical processors that the process may use.</param>
/// <param name="Runtime">The .NET runtime's name and version.</param>
public sealed record RunHost(string Kernel, string Cpu, int Processors, string Runtime);

/// <summary>What kinds of numbers a record holds; the labels are those of <see cref="TimeFace"/>.</summary>
/// <param name="Counters">The kind of <c>counters</c> and <c>counterTotals</c>.</param>
/// <param name="Measured">The kind of <c>measured</c>.</param>
/// <param name="Modelled">The kind of <c>modelled</c>, where a case has it.</param>
public sealed record RunTimeFaces(
    string Counters = TimeFace.Counted, string Measured = TimeFace.Measured, string Modelled = TimeFace.Modelled);

/// <summary>How much of a processor other work took from a thread that did nothing but look at the clock, just before the run.</summary>
/// <param name="LostShare">Part of the time that the thread did not run, 0 to 1.</param>
/// <param name="LongestPauseUs">Its longest pause, in us.</param>
/// <param name="LoadAverage">The kernel's load average over one minute (<c>/proc/loadavg</c>); null when it cannot be read.</param>
/// <param name="IsQuiet">Whether figures can be trusted: lost share below 1 % and a load average below half the processors.</param>
public sealed record RunNoise(decimal LostShare, decimal LongestPauseUs, decimal? LoadAverage, bool IsQuiet);

/// <summary>Reading and writing of records without reflection.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    WriteIndented = true,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(RunRecord))]
internal sealed partial class RunRecordJson : JsonSerializerContext;
