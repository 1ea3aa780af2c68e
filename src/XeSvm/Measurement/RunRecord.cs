using System.Text.Json;
using System.Text.Json.Serialization;

namespace XeSvm.Measurement;

/// <summary>What a run of the measurement found, in the form that is written to files: JSON, schema <c>xesvm.run/1</c>.</summary>
public sealed record RunRecord
{
    /// <summary>The schema that this version writes and reads.</summary>
    public const string CurrentSchema = "xesvm.run/1";

    /// <summary>The schema's name; <see cref="CurrentSchema"/>.</summary>
    public string Schema { get; init; } = CurrentSchema;

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
        try
        {
            using JsonDocument document = JsonDocument.Parse(json, new JsonDocumentOptions { AllowDuplicateProperties = false });
            RequireSchema(document.RootElement, source);
            RunRecord record = document.RootElement.Deserialize(RunRecordJson.Default.RunRecord)
                ?? throw new RunRecordException($"{source}: the record is null.");
            RunRecordRules.Check(record, source);
            return record;
        }
        catch (JsonException exception)
        {
            throw new RunRecordException($"{source}: not a record of schema {CurrentSchema}: {exception.Message}", exception);
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

        if (schema.GetString() != CurrentSchema)
        {
            throw new RunRecordException(
                $"{source}: the schema is {Statistics.TextExcerpt.Quote(schema.GetString())}; this program reads '{CurrentSchema}'.");
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

/// <summary>One measured case.</summary>
public sealed record RunCase
{
    /// <summary>The ranges' size: <c>2M</c>, <c>64K</c> or <c>4K</c>.</summary>
    public required string Size { get; init; }

    /// <summary>How system pages were mapped; one of <see cref="MappingStrategy"/>.</summary>
    public required string Strategy { get; init; }

    /// <summary>The IOMMU's mode, as the backend says it.</summary>
    public required string Iommu { get; init; }

    /// <summary>How the pages lay in physical memory, as the backend says it.</summary>
    public required string Layout { get; init; }

    /// <summary>Whether the IOMMU's page walker is <c>coherent</c> or <c>non-coherent</c>; absent where the backend does not say.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Walker { get; init; }

    /// <summary>Levels of the I/O page table; absent where the backend does not say.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? Levels { get; init; }

    /// <summary>Whether the IOMMU may cache entries that are not present; absent where the backend does not say.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public bool? CachingMode { get; init; }

    /// <summary>Whether new mappings need a write-buffer flush; absent where the backend does not say.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public bool? WriteBufferFlush { get; init; }

    /// <summary>Whether an unmap flushes what it visited instead of what it changed; absent where the backend does not say.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public bool? FlushRegression { get; init; }

    /// <summary>Migrations that the figures are taken over.</summary>
    public required long Migrations { get; init; }

    /// <summary>Operations per migration to the device. Whole numbers are exact; others have 6 digits behind the point.</summary>
    public required IReadOnlyDictionary<string, decimal> Counters { get; init; }

    /// <summary>Operations of all migrations to the device together, exact.</summary>
    public required IReadOnlyDictionary<string, ulong> CounterTotals { get; init; }

    /// <summary>The times.</summary>
    public required RunMeasured Measured { get; init; }

    /// <summary>What a cost profile makes of <see cref="CounterTotals"/>; absent when none was asked for.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public RunModelled? Modelled { get; init; }
}

/// <summary>The times of a case, from the GT statistics.</summary>
/// <param name="CpuUs">Time of one migration outside the copy, in us.</param>
/// <param name="CopyUs">Time of one migration's copy, in us.</param>
/// <param name="Share">CPU time as a share of the whole, 0 to 1; null when the statistics counted no whole microsecond.</param>
public sealed record RunMeasured(decimal CpuUs, decimal CopyUs, decimal? Share);

/// <summary>A modelled cost of one migration; it is no measurement.</summary>
/// <param name="Profile">The cost profile's name.</param>
/// <param name="Unit"><c>us</c>, or <c>units</c> for a profile that is no time.</param>
/// <param name="CpuUs">Modelled CPU time in us; null when there is a reason, or when the unit is another.</param>
/// <param name="Units">Modelled cost in units; null when there is a reason, or when the unit is us.</param>
/// <param name="Noise">The noise floor of the figure in its unit; null without a figure.</param>
/// <param name="Reason">Why there is no figure; null when there is one.</param>
/// <param name="Terms">What the figure is made of, the largest first.</param>
public sealed record RunModelled(
    string Profile,
    string Unit,
    decimal? CpuUs = null,
    decimal? Units = null,
    decimal? Noise = null,
    string? Reason = null,
    IReadOnlyList<RunModelledTerm>? Terms = null)
{
    /// <summary>The figure in its unit, or <see langword="null"/>.</summary>
    [JsonIgnore]
    public decimal? Cost => CpuUs ?? Units;
}

/// <summary>One term of a modelled cost.</summary>
/// <param name="Name">A counter's name, <c>fixed</c> or <c>folio</c>.</param>
/// <param name="Count">How often in one migration.</param>
/// <param name="UnitCost">Cost of one.</param>
/// <param name="Cost">Count times unit cost.</param>
public sealed record RunModelledTerm(string Name, decimal Count, decimal UnitCost, decimal Cost);

/// <summary>Reading and writing of records without reflection.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    WriteIndented = true,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(RunRecord))]
internal sealed partial class RunRecordJson : JsonSerializerContext;
