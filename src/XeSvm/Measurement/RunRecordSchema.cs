using System.Text;

namespace XeSvm.Measurement;

/// <summary>The published JSON schemas of run records (JSON Schema, draft 2020-12). They are part of the assembly.</summary>
public static class RunRecordSchema
{
    private static readonly Dictionary<string, string> s_resources = new(StringComparer.Ordinal)
    {
        [RunRecord.CurrentSchema] = "XeSvm.Measurement.xesvm.run-2.schema.json",
        [RunRecord.FirstSchema] = "XeSvm.Measurement.xesvm.run-1.schema.json",
    };

    /// <summary>The names of the schemas, the current one first.</summary>
    public static IReadOnlyList<string> Names { get; } = [RunRecord.CurrentSchema, RunRecord.FirstSchema];

    /// <summary>The text of a schema, or <see langword="null"/> for a name that is not one of <see cref="Names"/>.</summary>
    /// <param name="name">The name, as in a record's <c>schema</c>.</param>
    public static string? Find(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (!s_resources.TryGetValue(name, out string? resource))
        {
            return null;
        }

        using Stream stream = typeof(RunRecordSchema).Assembly.GetManifestResourceStream(resource)!;
        using StreamReader reader = new(stream, Encoding.UTF8);
        return reader.ReadToEnd();
    }
}
