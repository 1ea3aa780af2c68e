using System.Text.Json;

namespace XeSvm.Cli.Tests;

/// <summary><c>topology</c> and <c>measure --peers</c>.</summary>
public sealed class PeerTests : IDisposable
{
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_topology_shows_its_devices_and_the_way_from_each_to_each()
    {
        CliRun run = CliRun.Of("topology", "quad-fabric-virtual");
        Assert.Equal(0, run.ExitCode);
        Assert.Contains("fabric-virtual 1, 200 GB/s, 750 ns", run.Output, StringComparison.Ordinal);
        Assert.Contains("assumed", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_topology_as_JSON_has_every_link()
    {
        CliRun run = CliRun.Of("topology", "pair-isolated", "--json");
        using JsonDocument document = JsonDocument.Parse(run.Output);
        Assert.Equal(["local", "none", "none", "local"], document.RootElement.GetProperty("links").EnumerateArray().Select(link => link.GetProperty("route").GetString()));
    }

    [Fact]
    public void A_topology_that_is_none_ends_with_4_and_says_what_there_is()
    {
        CliRun run = CliRun.Of("topology", "nowhere");
        Assert.Equal(4, run.ExitCode);
        Assert.Contains("pair-p2p, pair-isolated", run.Error, StringComparison.Ordinal);

        File.WriteAllText(_folder.PathOf("bad.json"), """{ "schema": "xesvm.topology/1", "name": "x", "devices": [ { "name": "a", "vramBytes": 1 } ] }""");
        run = CliRun.Of("measure", "--peers", "--topology", _folder.PathOf("bad.json"));
        Assert.Equal(4, run.ExitCode);
        Assert.Contains("topology.devices[0].vramBytes is 1", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Measure_peers_prints_exact_counts_ranges_and_break_even_sizes()
    {
        CliRun run = CliRun.Of("measure", "--peers", "--migrations", "4", "--size", "2M");
        Assert.Equal(0, run.ExitCode);
        Assert.Contains("pair-p2p              pcie-p2p         2 MiB  per-page", run.Output, StringComparison.Ordinal);
        Assert.Contains("break-even", run.Output, StringComparison.Ordinal);
        Assert.Contains("assumed and swept", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void The_record_has_the_counters_of_each_policy()
    {
        CliRun run = CliRun.Of("measure", "--peers", "--migrations", "4", "--size", "2M", "--topology", "pair-p2p", "--json", "-");
        using JsonDocument document = JsonDocument.Parse(run.Output);
        Assert.Equal("xesvm.peers/1", document.RootElement.GetProperty("schema").GetString());
        Dictionary<string, JsonElement> rows = document.RootElement.GetProperty("rows").EnumerateArray()
            .ToDictionary(row => row.GetProperty("policy").GetString()!);
        Assert.Equal((4 * 512, 4 * 512), (Counter("per-page", "iova_alloc_magazine"), Counter("per-page", "inval_strict")));
        Assert.Equal((4, 4 * 512, 4), (Counter("driver-owned", "iova_alloc_tree"), Counter("driver-owned", "link_calls"), Counter("driver-owned", "inval_strict")));
        Assert.Equal((4, 4, 4), (Counter("broker", "iova_alloc_tree"), Counter("broker", "link_calls"), Counter("broker", "inval_strict")));
        Assert.All(rows.Values, row => Assert.Equal(4 * 2097152L, row.GetProperty("bytesOnRoute").GetInt64()));
        Assert.All(rows.Values, row => Assert.InRange(
            row.GetProperty("modelledCopyUs").GetDouble(), row.GetProperty("modelledCopyLowUs").GetDouble(), row.GetProperty("modelledCopyHighUs").GetDouble()));
        string[] assumed = [.. document.RootElement.GetProperty("assumptions").EnumerateArray().Select(assumption => assumption.GetProperty("name").GetString()!)];
        Assert.Contains("link bandwidth", assumed);
        Assert.Contains("link latency", assumed);
        Assert.Contains("page table on the target", assumed);
        Assert.Contains(assumed, name => name.StartsWith("inval_strict", StringComparison.Ordinal));
        Assert.All(rows.Values, row => Assert.True(row.GetProperty("modelledCpuLowUs").GetDouble() < row.GetProperty("modelledCpuHighUs").GetDouble()));

        int Counter(string policy, string name) => rows[policy].GetProperty("initiatorCounters").GetProperty(name).GetInt32();
    }

    [Theory]
    [InlineData("--strategy", "iova")]
    [InlineData("--iommu", "lazy")]
    [InlineData("--matrix")]
    public void Options_that_do_not_go_with_peers_are_usage_errors(params string[] option)
    {
        CliRun run = CliRun.Of(["measure", "--peers", .. option]);
        Assert.Equal(2, run.ExitCode);
        Assert.Contains($"{option[0]} does not go with --peers", run.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--policy", "broker")]
    [InlineData("--topology", "pair-p2p")]
    public void Options_of_peers_need_it(params string[] option)
    {
        CliRun run = CliRun.Of(["measure", .. option]);
        Assert.Equal(2, run.ExitCode);
        Assert.Contains($"{option[0]} needs --peers", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void An_unknown_policy_is_a_usage_error_that_lists_the_valid_ones()
    {
        CliRun run = CliRun.Of("measure", "--peers", "--policy", "magic");
        Assert.Equal(2, run.ExitCode);
        Assert.Contains("per-page, driver-owned, broker", run.Error, StringComparison.Ordinal);
    }
}
