using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using CsCheck;
using XeSvm.Measurement;

namespace XeSvm.Tests.Measurement;

/// <summary>The published schemas, and records that are old, broken or hostile.</summary>
public sealed class RunRecordSchemaTests
{
    /// <summary>A record as the first version wrote it.</summary>
    private const string OldRecord = """
        {
          "schema": "xesvm.run/1", "backend": "software", "reason": "no device", "device": "software:0", "cpuFaults": "full",
          "host": { "kernel": "6.18.44", "cpu": "AMD EPYC", "processors": 2, "runtime": ".NET 10.0.12" },
          "timeFaces": { "counters": "counted", "measured": "measured on this host", "modelled": "modelled from counters" },
          "cases": [
            {
              "size": "2M", "strategy": "per-page", "iommu": "strict", "layout": "scattered", "walker": "coherent", "levels": 4,
              "cachingMode": false, "writeBufferFlush": false, "flushRegression": false, "migrations": 896,
              "counters": { "inval_strict": 512, "table_alloc": 0.001116 }, "counterTotals": { "inval_strict": 458752, "table_alloc": 1 },
              "measured": { "cpuUs": 552.36049107142857142857, "copyUs": 215.40625, "share": 0.71943789893868318799 },
              "modelled": { "profile": "xe-2026-01", "unit": "us", "cpuUs": 334, "units": null, "noise": 6.68, "reason": null,
                            "terms": [ { "name": "fixed", "count": 1, "unitCost": 7.9, "cost": 7.9 } ] }
            }
          ]
        }
        """;

    private static readonly string s_record = RunComparisonTests.Record(new Random(9), RunComparisonTests.Noise.Normal, 1).ToJson();

    [Fact]
    public void Records_are_of_the_schema_that_they_name()
    {
        foreach (string json in new[] { s_record, OldRecord })
        {
            using JsonDocument record = JsonDocument.Parse(json);
            string name = record.RootElement.GetProperty("schema").GetString()!;
            using JsonDocument schema = JsonDocument.Parse(RunRecordSchema.Find(name)!);

            Assert.Null(SchemaCheck.ProblemOf(record.RootElement, schema.RootElement));
        }

        Assert.Equal(["xesvm.run/2", "xesvm.run/1"], RunRecordSchema.Names);
        Assert.Null(RunRecordSchema.Find("xesvm.run/3"));
    }

    [Fact]
    public void A_record_of_the_first_version_is_read_and_means_what_it_meant()
    {
        RunRecord record = RunRecord.Parse(OldRecord, "old.json");

        RunCase row = Assert.Single(record.Cases);
        Assert.Equal(("xesvm.run/1", 552.36049107142857142857m, 334m), (record.Schema, row.Measured.CpuUs, row.Modelled!.CpuUs));
        Assert.Equal((null, null, null, null), (row.Samples, row.Cause, record.Machine, record.Noise));
        Assert.Equal(record.ToJson(), RunRecord.Parse(record.ToJson(), "again").ToJson());
    }

    /// <summary>Whatever is changed in a record: it is read or refused with a reason; and what the schema forbids is never read.</summary>
    [Fact]
    public void A_changed_record_is_read_or_refused_and_never_worse()
    {
        using JsonDocument second = JsonDocument.Parse(RunRecordSchema.Find(RunRecord.CurrentSchema)!);
        using JsonDocument first = JsonDocument.Parse(RunRecordSchema.Find(RunRecord.FirstSchema)!);
        string[] values =
        [
            "null", "true", "-1", "0", "1e400", "-1e30", "79228162514264337593543950335", "99999999999999999999999999999999", "0.5", "1e-40",
            "\"\"", "\"\\u0000\\u001b[2J\"", "[]", "{}", "[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]", "\"" + new string('x', 5000) + "\"", "[null]", "{\"a\":null}",
        ];
        int read = 0;
        Gen.Select(Gen.Bool, Gen.Int[0, 100_000], Gen.Int[0, values.Length - 1]).Sample(
            change =>
            {
                string text = Replace(change.Item1 ? OldRecord : s_record, change.Item2, values[change.Item3]);
                if (TryParse(text))
                {
                    Interlocked.Increment(ref read);
                    using JsonDocument document = JsonDocument.Parse(text);
                    JsonElement schema = document.RootElement.GetProperty("schema").GetString() == RunRecord.FirstSchema ? first.RootElement : second.RootElement;
                    Assert.Null(SchemaCheck.ProblemOf(document.RootElement, schema));
                }
            },
            iter: 3000);
        Assert.NotEqual(0, read);
    }

    [Fact]
    public void Bytes_that_were_lost_or_changed_give_an_error_or_another_record() =>
        Gen.Select(Gen.Int[0, OldRecord.Length - 1], Gen.Int[0, 40], Gen.Char['\0', '\u00ff']).Sample(
            change =>
            {
                StringBuilder text = new(OldRecord);
                text.Remove(change.Item1, Math.Min(change.Item2, text.Length - change.Item1)).Insert(change.Item1, change.Item3);
                _ = TryParse(text.ToString());
            },
            iter: 2000);

    [Theory]
    [InlineData("\"reason\": \"no device\"", "\"reason\": \"a\\u001b[2Jb\"", "reason has control characters: 'a\\u001b[2Jb'")]
    [InlineData("\"inval_strict\": 458752", "\"inval_strict\": 458753", "counters says 512 'inval_strict' per migration, but counterTotals 458753")]
    [InlineData("\"copyUs\": 215.40625", "\"copyUs\": 1e13", "measured has a time or an interval that cannot be")]
    [InlineData("\"migrations\": 896", "\"migrations\": 9223372036854775807", "migrations, warmUp or levels is a number that cannot be")]
    [InlineData("\"cpuUs\": 552.36049107142857142857", "\"cpuUs\": null", "measured has neither cpuUs nor migrateUs")]
    [InlineData("\"layout\": \"scattered\"", "\"layout\": \"scattered\", \"cause\": \"boredom\"", "cause 'boredom' is not one of fault, prefetch")]
    [InlineData("\"layout\": \"scattered\"", "\"layout\": \"scattered\", \"samples\": {\"perRound\": 1, \"migrateUs\": [1, 2]}", "samples has 2 migrations, the case 896")]
    [InlineData("\"layout\": \"scattered\"", "\"layout\": \"scattered\", \"samples\": {\"perRound\": 0, \"migrateUs\": [1]}", "samples has 1 entries, 0 a round")]
    [InlineData("\"layout\": \"scattered\"", "\"layout\": \"scattered\", \"samples\": {\"perRound\": 1, \"migrateUs\": [5], \"copyUs\": [6], \"migrations\": [896]}", "samples has an entry 0 that cannot be")]
    [InlineData("\"layout\": \"scattered\"", "\"layout\": \"scattered\", \"samples\": {\"perRound\": 1, \"migrateUs\": [5], \"copyUs\": []}", "samples has lists of different lengths")]
    public void What_cannot_be_is_refused_with_the_place(string good, string bad, string expected)
    {
        Assert.Contains(good, OldRecord, StringComparison.Ordinal);

        RunRecordException exception = Assert.Throws<RunRecordException>(
            () => RunRecord.Parse(OldRecord.Replace(good, bad, StringComparison.Ordinal), "x.json"));

        Assert.Contains(expected, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_text_that_is_too_large_or_too_deep_is_refused_before_it_is_read()
    {
        string deep = "{\"schema\": \"xesvm.run/2\", \"x\": " + new string('[', 100_000) + new string(']', 100_000) + "}";

        Assert.Throws<RunRecordException>(() => RunRecord.Parse(deep, "deep.json"));
        Assert.Contains(
            "a record has at most",
            Assert.Throws<RunRecordException>(() => RunRecord.Parse(new string(' ', RunRecord.LargestText + 1), "large.json")).Message,
            StringComparison.Ordinal);
    }

    private static bool TryParse(string text)
    {
        try
        {
            RunRecord.Parse(text, "changed.json");
            return true;
        }
        catch (RunRecordException exception)
        {
            Assert.DoesNotContain(exception.Message, char.IsControl);
            return false;
        }
    }

    /// <summary>Puts a value in the place of one that the record has.</summary>
    private static string Replace(string json, int place, string value)
    {
        JsonNode root = JsonNode.Parse(json)!;
        List<JsonNode> parents = [];
        Collect(root, parents);
        JsonNode parent = parents[place % parents.Count];
        if (parent is JsonObject { Count: > 0 } @object)
        {
            string name = @object.ElementAt(place % @object.Count).Key;
            @object[name] = "REPLACED";
        }
        else if (parent is JsonArray { Count: > 0 } array)
        {
            array[place % array.Count] = "REPLACED";
        }

        return root.ToJsonString().Replace("\"REPLACED\"", value, StringComparison.Ordinal);
    }

    private static void Collect(JsonNode? node, List<JsonNode> parents)
    {
        switch (node)
        {
            case JsonObject @object:
                parents.Add(@object);
                foreach ((_, JsonNode? child) in @object)
                {
                    Collect(child, parents);
                }

                break;
            case JsonArray array:
                parents.Add(array);
                foreach (JsonNode? child in array)
                {
                    Collect(child, parents);
                }

                break;
        }
    }
}
