using System.Text.Json;
using XeSvm.Simulation.Dma;
using XeSvm.Simulation.Iommu;
using XeSvm.Simulation.Memory;

namespace XeSvm.Simulation.Cost;

/// <summary>Reads cost profiles from JSON (schema "xesvm.cost-profile/1"). What is not understood is an error that names the place.</summary>
internal static class CostProfileReader
{
    /// <summary>The schema that this reader reads.</summary>
    public const string Schema = "xesvm.cost-profile/1";

    private static readonly JsonDocumentOptions s_options = new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true };

    /// <summary>Reads a profile.</summary>
    /// <exception cref="FormatException">The text is no JSON or no profile; the message names the place and what is valid.</exception>
    public static CostProfile Read(string json)
    {
        ArgumentNullException.ThrowIfNull(json);
        try
        {
            using JsonDocument document = JsonDocument.Parse(json, s_options);
            return ReadProfile(new PlacedJson(document.RootElement, "profile"));
        }
        catch (JsonException error)
        {
            throw new FormatException($"The cost profile is no JSON: {error.Message}", error);
        }
    }

    private static CostProfile ReadProfile(PlacedJson root)
    {
        string schema = root.Text("schema");
        if (schema != Schema)
        {
            throw new FormatException($"profile.schema is '{schema}'; this version reads '{Schema}'.");
        }

        root.RequireKnown(
            "schema", "name", "description", "unit", "sources", "modes", "fixed", "perFolio", "unitCosts", "assumed", "copy", "noise", "rows");
        (double copyFixed, double copyPerPage) = root.Pair("copy", "fixed", "perPage");
        (double absolute, double relative) = root.Pair("noise", "absolute", "relative");
        string unit = root.Text("unit");
        if (unit is not ("us" or "units"))
        {
            throw new FormatException($"profile.unit is '{unit}'; valid are us, units.");
        }

        return new CostProfile
        {
            Name = root.Text("name"),
            Description = root.Text("description"),
            Unit = unit,
            Sources = [.. root.Items("sources").Select(item => item.AsText())],
            Modes = [.. root.Items("modes").Select(item => item.AsEnum<IommuMode>())],
            Fixed = root.Amount("fixed"),
            PerFolio = root.Amount("perFolio"),
            UnitCosts = ReadUnitCosts(root.Child("unitCosts")),
            Assumed = ReadAssumed(root),
            CopyFixed = copyFixed,
            CopyPerPage = copyPerPage,
            AbsoluteNoise = absolute,
            RelativeNoise = relative,
            Rows = ReadRows(root),
        };
    }

    private static double[] ReadUnitCosts(PlacedJson node)
    {
        double[] costs = new double[DmaWork.Names.Length];
        foreach (PlacedJson cost in node.Members())
        {
            costs[CounterIndex(cost)] = cost.AsAmount();
        }

        return costs;
    }

    private static Dictionary<string, (double Low, double High)> ReadAssumed(PlacedJson root)
    {
        Dictionary<string, (double Low, double High)> assumed = [];
        if (root.Has("assumed"))
        {
            foreach (PlacedJson range in root.Child("assumed").Members())
            {
                CounterIndex(range);
                double low = range.Amount("low");
                double high = range.Amount("high");
                if (low > high)
                {
                    throw new FormatException($"{range.Path}: low {low} is above high {high}.");
                }

                assumed.Add(range.Name, (low, high));
            }
        }

        return assumed;
    }

    private static List<CostRow> ReadRows(PlacedJson root)
    {
        List<CostRow> rows = [];
        foreach (PlacedJson item in root.Items("rows"))
        {
            item.RequireKnown("name", "role", "pages", "strategy", "layout", "mode", "walker", "flushRegression", "value", "source");
            CostRow row = new()
            {
                Name = item.Text("name"),
                Role = item.Child("role").AsEnum<CostRowRole>(),
                Pages = item.Count("pages"),
                Strategy = item.Child("strategy").AsKnown(name => MappingStrategy.Parse(name).Name),
                Layout = item.Child("layout").AsKnown(name => PageLayout.Parse(name).Name),
                Mode = item.Child("mode").AsEnum<IommuMode>(),
                CoherentWalker = item.Choice("walker", "coherent", "non-coherent"),
                FlushRegression = item.Has("flushRegression") && item.Child("flushRegression").AsFlag(),
                Value = item.Amount("value"),
                Source = item.Text("source"),
            };
            if (rows.Exists(other => other.Name == row.Name))
            {
                throw new FormatException($"{item.Path}: there is a row '{row.Name}' already.");
            }

            rows.Add(row);
        }

        return rows;
    }

    private static int CounterIndex(PlacedJson node)
    {
        int index = DmaWork.Names.IndexOf(node.Name);
        return index >= 0
            ? index
            : throw new FormatException($"{node.Path} is no counter; the counters are {string.Join(", ", DmaWork.Names.ToArray())}.");
    }
}
