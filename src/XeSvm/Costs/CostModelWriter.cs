using System.Text;
using System.Text.Json;
using XeSvm.Simulation.Cost;
using XeSvm.Simulation.Iommu;

namespace XeSvm.Costs;

/// <summary>Writes cost profiles as JSON that <see cref="CostProfileReader"/> reads back.</summary>
internal static class CostModelWriter
{
    internal static string Write(CostModel model)
    {
        using MemoryStream stream = new();
        using (Utf8JsonWriter writer = new(stream, new JsonWriterOptions { Indented = true }))
        {
            WriteProfile(writer, model);
        }

        return Encoding.UTF8.GetString(stream.ToArray()) + "\n";
    }

    private static void WriteProfile(Utf8JsonWriter writer, CostModel model)
    {
        CostProfile profile = model.Profile;
        writer.WriteStartObject();
        writer.WriteString("schema", CostProfileReader.Schema);
        writer.WriteString("name", profile.Name);
        writer.WriteString("description", profile.Description);
        writer.WriteString("unit", profile.Unit);
        WriteTexts(writer, "modes", profile.Modes.Select(NameOf));
        WriteTexts(writer, "sources", profile.Sources);
        writer.WriteNumber("fixed", profile.Fixed);
        writer.WriteNumber("perFolio", profile.PerFolio);
        WritePair(writer, "copy", ("fixed", profile.CopyFixed), ("perPage", profile.CopyPerPage));
        WritePair(writer, "noise", ("absolute", profile.AbsoluteNoise), ("relative", profile.RelativeNoise));
        writer.WriteStartObject("unitCosts");
        foreach ((string name, double cost) in model.UnitCosts)
        {
            writer.WriteNumber(name, cost);
        }

        writer.WriteEndObject();
        writer.WriteStartObject("assumed");
        foreach ((string name, (double low, double high)) in profile.Assumed)
        {
            WritePair(writer, name, ("low", low), ("high", high));
        }

        writer.WriteEndObject();
        writer.WriteStartArray("rows");
        foreach (CostModelRow row in model.Rows)
        {
            WriteRow(writer, row);
        }

        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    private static void WriteRow(Utf8JsonWriter writer, CostModelRow row)
    {
        writer.WriteStartObject();
        writer.WriteString("name", row.Name);
        writer.WriteString("role", row.Role.ToString().ToLowerInvariant());
        writer.WriteNumber("pages", row.Setup.Pages);
        writer.WriteString("strategy", row.Setup.Strategy);
        writer.WriteString("layout", row.Setup.Layout);
        writer.WriteString("mode", NameOf(row.Setup.Iommu));
        writer.WriteString("walker", row.Setup.Walker);
        writer.WriteBoolean("flushRegression", row.Setup.FlushRegression);
        writer.WriteNumber("value", row.Value);
        writer.WriteString("source", row.Source);
        writer.WriteEndObject();
    }

    private static void WriteTexts(Utf8JsonWriter writer, string name, IEnumerable<string> texts)
    {
        writer.WriteStartArray(name);
        foreach (string text in texts)
        {
            writer.WriteStringValue(text);
        }

        writer.WriteEndArray();
    }

    private static void WritePair(Utf8JsonWriter writer, string name, (string Name, double Value) first, (string Name, double Value) second)
    {
        writer.WriteStartObject(name);
        writer.WriteNumber(first.Name, first.Value);
        writer.WriteNumber(second.Name, second.Value);
        writer.WriteEndObject();
    }

    private static string NameOf(IommuMode mode) => mode.ToString().ToLowerInvariant();
}
