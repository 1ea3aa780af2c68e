using System.Text.Json;
using XeSvm.Measurement;

namespace XeSvm.Tests.Measurement;

public sealed class RunRecordTests
{
    [Fact]
    public void A_record_comes_back_from_its_own_json()
    {
        RunRecord record = Record();

        RunRecord read = RunRecord.Parse(record.ToJson(), "run.json");

        Assert.Equal(record.ToJson(), read.ToJson());
        Assert.Equal(512m, read.Cases[0].Counters["inval_strict"]);
        Assert.Equal(458752u, read.Cases[0].CounterTotals["inval_strict"]);
    }

    [Fact]
    public void The_json_has_the_schemas_names_and_exact_digits()
    {
        using JsonDocument document = JsonDocument.Parse(Record().ToJson());
        JsonElement root = document.RootElement;

        Assert.Equal("xesvm.run/2", root.GetProperty("schema").GetString());
        Assert.Equal("software", root.GetProperty("backend").GetString());
        Assert.Equal("full", root.GetProperty("cpuFaults").GetString());
        Assert.Equal("counted", root.GetProperty("timeFaces").GetProperty("counters").GetString());
        Assert.Equal("measured on this host", root.GetProperty("timeFaces").GetProperty("measured").GetString());
        Assert.Equal(JsonValueKind.String, root.GetProperty("host").GetProperty("kernel").ValueKind);
        JsonElement @case = root.GetProperty("cases")[0];
        Assert.Equal(["size", "strategy", "iommu", "layout", "migrations", "counters", "counterTotals", "measured"],
            @case.EnumerateObject().Select(property => property.Name));
        Assert.Equal("512", @case.GetProperty("counters").GetProperty("inval_strict").GetRawText());
        Assert.Equal("552.36049107142857142857", @case.GetProperty("measured").GetProperty("cpuUs").GetRawText());
        Assert.Equal("0.71943789893868318799", @case.GetProperty("measured").GetProperty("share").GetRawText());
    }

    [Theory]
    [InlineData("", "not a record of schema xesvm.run/2 or xesvm.run/1")]
    [InlineData("{", "not a record of schema xesvm.run/2 or xesvm.run/1")]
    [InlineData("[]", "there is no 'schema'")]
    [InlineData("null", "there is no 'schema'")]
    [InlineData("{\"schema\": 1}", "there is no 'schema'")]
    [InlineData("{\"schema\": \"xesvm.run/3\"}", "the schema is 'xesvm.run/3'; this program reads 'xesvm.run/2' and 'xesvm.run/1'")]
    [InlineData("{\"schema\": \"xesvm.run/1\"}", "not a record of schema xesvm.run/2 or xesvm.run/1")]
    [InlineData("{\"schema\": \"xesvm.run/1\", \"schema\": \"xesvm.run/1\"}", "not a record of schema xesvm.run/2 or xesvm.run/1")]
    public void Text_that_is_no_record_is_refused_with_a_reason(string json, string expected)
    {
        RunRecordException exception = Assert.Throws<RunRecordException>(() => RunRecord.Parse(json, "run.json"));

        Assert.StartsWith("run.json: " + expected, exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"2M\"", "\"3M\"", "cases[0]: size '3M' is not one of 2M, 64K, 4K")]
    [InlineData("\"migrations\": 896", "\"migrations\": 0", "cases[0]: migrations is 0; it must be at least 1")]
    [InlineData("0.71943789893868318799", "1.5", "cases[0]: share is 1.5; it must lie between 0 and 1")]
    [InlineData("\"cpuUs\": 552", "\"cpuUs\": -552", "cases[0]: measured has a negative time")]
    [InlineData("\"inval_strict\": 512", "\"inval_strict\": -1", "cases[0]: counters has a negative value")]
    [InlineData("\"strategy\": \"per-page\"", "\"strategy\": null", "not a record of schema xesvm.run/2 or xesvm.run/1")]
    [InlineData("\"migrations\": 896", "\"migrations\": \"many\"", "not a record of schema xesvm.run/2 or xesvm.run/1")]
    public void A_record_that_breaks_a_rule_is_refused_with_the_place(string good, string bad, string expected)
    {
        string json = Record().ToJson();
        Assert.Contains(good, json, StringComparison.Ordinal);

        RunRecordException exception = Assert.Throws<RunRecordException>(
            () => RunRecord.Parse(json.Replace(good, bad, StringComparison.Ordinal), "run.json"));

        Assert.StartsWith("run.json: " + expected, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_newer_records_have_besides_comes_back_too()
    {
        RunRecord record = Modelled(new RunModelled("xe-2026-01", "us", CpuUs: 334m, Noise: 6.68m, Terms: [new("fixed", 1, 7.9653m, 7.9653m)]));

        RunRecord read = RunRecord.Parse(record.ToJson(), "run.json");

        Assert.Equal(record.ToJson(), read.ToJson());
        Assert.Equal(("non-coherent", 4, false), (read.Cases[0].Walker, read.Cases[0].Levels, read.Cases[0].CachingMode));
        Assert.Equal(("xe-2026-01", "us", 334m), (read.Cases[0].Modelled!.Profile, read.Cases[0].Modelled!.Unit, read.Cases[0].Modelled!.Cost));
        Assert.Equal(TimeFace.Modelled, read.TimeFaces.Modelled);
        Assert.Contains("\"cpuUs\": 334", record.ToJson(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_record_of_before_modelled_time_is_still_read()
    {
        string json = Record().ToJson().Replace(",\n    \"modelled\": \"modelled from counters\"", "", StringComparison.Ordinal);
        Assert.DoesNotContain("modelled", json, StringComparison.Ordinal);

        RunRecord read = RunRecord.Parse(json, "old.json");

        Assert.Null(read.Cases[0].Modelled);
        Assert.Null(read.Cases[0].Walker);
    }

    [Theory]
    [InlineData("\"non-coherent\"", "\"warm\"", "walker 'warm' is not one of coherent, non-coherent")]
    [InlineData("\"cpuUs\": 334", "\"cpuUs\": -334", "modelled has a negative value")]
    [InlineData("\"cpuUs\": 334", "\"cpuUs\": null", "modelled must have one of cpuUs, units and reason")]
    [InlineData("\"units\": null", "\"units\": 5", "modelled must have one of cpuUs, units and reason")]
    public void A_modelled_part_that_breaks_a_rule_is_refused_with_the_place(string good, string bad, string expected)
    {
        string json = Modelled(new RunModelled("xe-2026-01", "us", CpuUs: 334m)).ToJson();
        Assert.Contains(good, json, StringComparison.Ordinal);

        RunRecordException exception = Assert.Throws<RunRecordException>(
            () => RunRecord.Parse(json.Replace(good, bad, StringComparison.Ordinal), "run.json"));

        Assert.StartsWith("run.json: cases[0]: " + expected, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_host_has_a_kernel_and_a_runtime()
    {
        RunHost host = HostInformation.Read();

        Assert.Contains('.', host.Kernel);
        Assert.StartsWith(".NET", host.Runtime, StringComparison.Ordinal);
        Assert.True(host.Processors > 0);
        Assert.NotEmpty(host.Cpu);
    }

    private static RunRecord Modelled(RunModelled modelled)
    {
        RunRecord record = Record();
        return record with
        {
            Cases = [record.Cases[0] with { Walker = "non-coherent", Levels = 4, CachingMode = false, FlushRegression = false, Modelled = modelled }],
        };
    }

    private static RunRecord Record() => new()
    {
        Backend = "software",
        Reason = "no xe render node was found",
        Device = "software:0",
        CpuFaults = "full",
        Host = new RunHost("7.3.4", "A processor", 2, ".NET 10"),
        Cases =
        [
            new RunCase
            {
                Size = "2M",
                Strategy = MappingStrategy.PerPage,
                Iommu = "strict",
                Layout = "scattered",
                Migrations = 896,
                Counters = new Dictionary<string, decimal> { ["inval_strict"] = 512, ["iova_alloc_tree"] = 0.5m },
                CounterTotals = new Dictionary<string, ulong> { ["inval_strict"] = 458752, ["iova_alloc_tree"] = 448 },
                Measured = new RunMeasured(552.36049107142857142857m, 215.40625m, 0.71943789893868318799m),
            },
        ],
    };
}
