using System.Text.Json;

namespace XeSvm.Cli.Tests;

public sealed class StatsTests : IDisposable
{
    private const string Zero = "svm_2M_migrate_count: 0\nsvm_2M_migrate_us: 0\nsvm_2M_device_copy_us: 0\n";
    private const string Baseline = "svm_2M_migrate_count: 896\nsvm_2M_migrate_us: 687919\nsvm_2M_device_copy_us: 193004\n";

    private readonly TestFolder _folder = new();

    [Theory]
    [InlineData("2M", 687919, 193004, "552.36049107142857142857", ".71943789893868318799")]
    [InlineData("64K", 64329, 41949, "24.97767857142857142857", ".34789908128526791960")]
    [InlineData("2M", 391803, 190366, "224.81808035714285714286", ".51412827364772602557")]
    [InlineData("64K", 51178, 38046, "14.65625000000000000000", ".25659463050529524405")]
    [InlineData("2M", 332339, 190297, "158.52901785714285714286", ".42740093699505625280")]
    [InlineData("64K", 53891, 41347, "14.00000000000000000000", ".23276613905846987437")]
    public void The_published_totals_give_the_published_digits(string size, long migrate, long copy, string average, string share)
    {
        CliRun run = Stats(Text(size, 0, 0, 0), Text(size, 896, migrate, copy));

        Assert.Equal(0, run.ExitCode);
        string row = Assert.Single(run.Output.Split('\n'), line => line.StartsWith(size, StringComparison.Ordinal));
        Assert.Equal([size, "896", $"{migrate}", $"{copy}", average, share], row.Split(' ', StringSplitOptions.RemoveEmptyEntries));
        Assert.Empty(run.Error);
    }

    [Fact]
    public void Json_has_the_same_digits_and_all_sizes()
    {
        CliRun run = Stats(Zero + Text("64K", 1, 1, 1), Baseline + Text("64K", 1, 1, 1), "--json");

        using JsonDocument document = JsonDocument.Parse(run.Output);
        Assert.Equal("xesvm.stats/1", document.RootElement.GetProperty("schema").GetString());
        JsonElement[] sizes = [.. document.RootElement.GetProperty("sizes").EnumerateArray()];
        Assert.Equal(["2M", "64K"], sizes.Select(size => size.GetProperty("size").GetString()));
        Assert.Equal("552.36049107142857142857", sizes[0].GetProperty("cpuUs").GetRawText());
        Assert.Equal("0.71943789893868318799", sizes[0].GetProperty("share").GetRawText());
        Assert.Equal(JsonValueKind.Null, sizes[1].GetProperty("cpuUs").ValueKind);
    }

    [Theory]
    [InlineData(Zero, "svm_2M_migrate_count: 896\nsvm_2M_migr", "after: line 2: 'svm_2M_migr' is the last line and has no newline")]
    [InlineData(Zero, "svm_2M_migrate_count: 896\nsvm_2M_migr\n", "after: line 2: 'svm_2M_migr' has no colon")]
    [InlineData(Zero, "svm_2M_migrate_count: 896\n", "svm_2M_migrate_us stands in")]
    [InlineData(Zero, "", "after: line 1: the text is empty")]
    [InlineData("\u0000\u0001\u001b[31m\n", Baseline, "before: line 1: '\\u0000\\u0001\\u001b[31m' has no colon")]
    [InlineData(Baseline, Zero, "svm_2M_migrate_count ran backwards: 896 in")]
    [InlineData("nr_free_pages: 1\n", "nr_free_pages: 2\n", "none of the 1 counters is one of a GT")]
    public void A_text_that_cannot_be_used_gives_the_line_and_no_number(string before, string after, string expected)
    {
        CliRun run = Stats(before, after);

        Assert.Equal(4, run.ExitCode);
        Assert.Contains(expected, run.Error, StringComparison.Ordinal);
        Assert.Empty(run.Output);
    }

    [Fact]
    public void A_file_that_is_missing_a_folder_or_endless_is_a_bad_input_file()
    {
        string good = _folder.Write("good", Zero);

        CliRun missing = CliRun.Of("stats", "--before", good, "--after", _folder.PathOf("missing"));
        CliRun folder = CliRun.Of("stats", "--before", _folder.FullPath, "--after", good);
        CliRun endless = CliRun.Of("stats", "--before", good, "--after", "/dev/zero");

        Assert.All([missing, folder, endless], run =>
        {
            Assert.Equal(4, run.ExitCode);
            Assert.Empty(run.Output);
        });
        Assert.Contains("missing: the file cannot be read", missing.Error, StringComparison.Ordinal);
        Assert.Contains("larger than", endless.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Counters_of_a_newer_kernel_are_kept_and_shown_and_several_gts_are_added_up()
    {
        const string Before = "==> /sys/kernel/debug/dri/0/gt0/stats <==\nsvm_2M_migrate_count: 0\nsvm_2M_migrate_us: 0\nflux_count: 0\n\n" +
            "==> /sys/kernel/debug/dri/0/gt1/stats <==\nsvm_2M_device_copy_us: 0\ntlb_inval_count: 4\nflux_count: 1\n";
        const string After = "==> /sys/kernel/debug/dri/0/gt0/stats <==\nsvm_2M_migrate_count: 10\nsvm_2M_migrate_us: 1000\nflux_count: 5\n\n" +
            "==> /sys/kernel/debug/dri/0/gt1/stats <==\nsvm_2M_device_copy_us: 400\ntlb_inval_count: 9\nflux_count: 3\n";

        CliRun run = Stats(Before, After);
        CliRun json = Stats(Before, After, "--json");

        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Contains("60.00000000000000000000", run.Output, StringComparison.Ordinal);
        Assert.Matches(@"(?m)^flux_count +7 +not known to this version$", run.Output);
        Assert.Matches(@"(?m)^tlb_inval_count +5$", run.Output);
        using JsonDocument document = JsonDocument.Parse(json.Output);
        Assert.Equal(7, document.RootElement.GetProperty("counters").GetProperty("flux_count").GetInt32());
        Assert.Equal("flux_count", document.RootElement.GetProperty("unknownCounters")[0].GetString());
    }

    [Fact]
    public void A_driver_without_times_of_migrations_still_shows_what_moved()
    {
        CliRun run = Stats("svm_pagefault_count: 1\ntlb_inval_count: 1\n", "svm_pagefault_count: 5\ntlb_inval_count: 1\n");

        Assert.Equal(0, run.ExitCode);
        Assert.Contains("older than these counters", run.Output, StringComparison.Ordinal);
        Assert.Matches(@"(?m)^svm_pagefault_count +4$", run.Output);
        Assert.DoesNotContain("tlb_inval_count", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void The_statistics_of_the_software_backend_are_read_like_any_other()
    {
        using XeDevice device = XeDevice.Open(BackendChoice.Software);
        string text = device.ReadDebugFile("gt0/stats").Text!;

        CliRun run = Stats(text, text);

        Assert.Equal(0, run.ExitCode);
        Assert.Contains("2M", run.Output, StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Dispose();

    private static string Text(string size, long count, long migrate, long copy) =>
        $"svm_{size}_migrate_count: {count}\nsvm_{size}_migrate_us: {migrate}\nsvm_{size}_device_copy_us: {copy}\n";

    private CliRun Stats(string before, string after, params string[] more) =>
        CliRun.Of(["stats", "--before", _folder.Write("before", before), "--after", _folder.Write("after", after), .. more]);
}
