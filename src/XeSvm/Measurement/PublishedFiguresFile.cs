using System.Text.Json.Serialization;

namespace XeSvm.Measurement;

/// <summary>The embedded file of published figures.</summary>
internal sealed record PublishedFiguresFile(
    string Source,
    string Derivation,
    string Note,
    IReadOnlyList<PublishedFiguresRow> Figures,
    IReadOnlyList<PublishedFiguresRow> Remeasured);

/// <summary>One published figure as totals.</summary>
internal sealed record PublishedFiguresRow(string Strategy, string Size, ulong Migrations, ulong MigrateUs, ulong DeviceCopyUs);

/// <summary>Reading of the embedded file without reflection.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(PublishedFiguresFile))]
internal sealed partial class PublishedFiguresJson : JsonSerializerContext;
