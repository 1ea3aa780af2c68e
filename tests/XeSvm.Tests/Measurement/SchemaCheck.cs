using System.Text.Json;

namespace XeSvm.Tests.Measurement;

/// <summary>Checks JSON against the part of JSON Schema that the published schemas use; an unknown keyword fails.</summary>
internal static class SchemaCheck
{
    private static readonly string[] s_annotations = ["$schema", "$id", "title", "description", "$comment"];

    /// <summary>The first thing that breaks the schema, with its place, or null.</summary>
    internal static string? ProblemOf(JsonElement value, JsonElement schema, string path = "$")
    {
        foreach (JsonProperty rule in schema.EnumerateObject())
        {
            string? problem = rule.Name switch
            {
                "type" => Types(rule.Value).Any(type => Is(value, type)) ? null : $"is not of type {rule.Value}",
                "enum" => rule.Value.EnumerateArray().Any(valid => JsonElement.DeepEquals(valid, value)) ? null : $"is not one of {rule.Value}",
                "const" => JsonElement.DeepEquals(rule.Value, value) ? null : $"is not {rule.Value}",
                "minimum" => value.ValueKind != JsonValueKind.Number || value.GetDouble() >= rule.Value.GetDouble() ? null : $"is below {rule.Value}",
                "maximum" => value.ValueKind != JsonValueKind.Number || value.GetDouble() <= rule.Value.GetDouble() ? null : $"is above {rule.Value}",
                "exclusiveMinimum" => value.ValueKind != JsonValueKind.Number || value.GetDouble() > rule.Value.GetDouble() ? null : $"is not above {rule.Value}",
                "exclusiveMaximum" => value.ValueKind != JsonValueKind.Number || value.GetDouble() < rule.Value.GetDouble() ? null : $"is not below {rule.Value}",
                "maxLength" => value.ValueKind != JsonValueKind.String || value.GetString()!.Length <= rule.Value.GetInt32() ? null : "is too long",
                "minItems" => value.ValueKind != JsonValueKind.Array || value.GetArrayLength() >= rule.Value.GetInt32() ? null : "has too few entries",
                "maxItems" => value.ValueKind != JsonValueKind.Array || value.GetArrayLength() <= rule.Value.GetInt32() ? null : "has too many entries",
                "maxProperties" => value.ValueKind != JsonValueKind.Object || value.EnumerateObject().Count() <= rule.Value.GetInt32() ? null : "has too many properties",
                "required" => value.ValueKind != JsonValueKind.Object || rule.Value.EnumerateArray().All(name => value.TryGetProperty(name.GetString()!, out _)) ? null : $"lacks one of {rule.Value}",
                "items" => value.ValueKind != JsonValueKind.Array ? null : First(value.EnumerateArray().Select((item, index) => ProblemOf(item, rule.Value, $"{path}[{index}]"))),
                "properties" => value.ValueKind != JsonValueKind.Object ? null : First(value.EnumerateObject()
                    .Select(property => rule.Value.TryGetProperty(property.Name, out JsonElement own) ? ProblemOf(property.Value, own, $"{path}.{property.Name}") : null)),
                "additionalProperties" => value.ValueKind != JsonValueKind.Object ? null : First(value.EnumerateObject()
                    .Where(property => !schema.TryGetProperty("properties", out JsonElement known) || !known.TryGetProperty(property.Name, out _))
                    .Select(property => ProblemOf(property.Value, rule.Value, $"{path}.{property.Name}"))),
                _ => s_annotations.Contains(rule.Name) ? null : throw new NotSupportedException($"This check does not know '{rule.Name}'."),
            };
            if (problem is not null)
            {
                return problem.StartsWith('$') ? problem : $"{path} {problem}";
            }
        }

        return null;
    }

    private static string? First(IEnumerable<string?> problems) => problems.FirstOrDefault(problem => problem is not null);

    private static IEnumerable<string> Types(JsonElement type) =>
        type.ValueKind == JsonValueKind.String ? [type.GetString()!] : type.EnumerateArray().Select(one => one.GetString()!);

    private static bool Is(JsonElement value, string type) => type switch
    {
        "null" => value.ValueKind == JsonValueKind.Null,
        "boolean" => value.ValueKind is JsonValueKind.True or JsonValueKind.False,
        "string" => value.ValueKind == JsonValueKind.String,
        "array" => value.ValueKind == JsonValueKind.Array,
        "object" => value.ValueKind == JsonValueKind.Object,
        "number" => value.ValueKind == JsonValueKind.Number,
        "integer" => value.ValueKind == JsonValueKind.Number && value.GetDouble() == Math.Floor(value.GetDouble()),
        _ => throw new NotSupportedException($"This check does not know the type '{type}'."),
    };
}
