using System.Text.Json;
using XeSvm.Measurement;

namespace XeSvm.Cli.Tests;

public sealed class RecordTests : IDisposable
{
    private readonly TestFolder _folder = new();

    [Fact]
    public void A_record_is_kept_under_its_name_with_samples_intervals_and_the_machine()
    {
        string path = _folder.PathOf("before.json");

        CliRun run = Record(path, "--size", "64K", "--strategy", "iova", "--migrations", "20", "--warm-up", "3");

        Assert.Equal(0, run.ExitCode);
        RunRecord record = RunRecord.Parse(File.ReadAllText(path), path);
        RunCase row = Assert.Single(record.Cases);
        Assert.Equal(("before", "xesvm.run/2", 20L, 3), (record.Name, record.Schema, row.Migrations, row.WarmUp));
        Assert.Equal(20, row.Samples!.Count);
        Assert.InRange(row.Measured.CpuUs!.Value, row.Measured.CpuInterval!.Low, row.Measured.CpuInterval.High);
        Assert.Equal(row.Samples.MigrateUs.Sum() - row.Samples.CopyUs!.Sum(), decimal.ToInt64(Math.Round(row.Measured.CpuUs.Value * 20)));
        Assert.NotEmpty(row.Phases!);
        Assert.NotEmpty(record.Machine!);
        Assert.Contains($"recorded in {path}", run.Error, StringComparison.Ordinal);
        Assert.Contains("Noise check", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_record_that_is_there_is_not_lost_by_accident()
    {
        string path = _folder.Write("before.json", "precious");

        CliRun refused = Record(path, "--size", "4K", "--strategy", "iova", "--migrations", "1");
        CliRun failed = Record(path, "--replace", "--layout", "tidy");

        Assert.Equal((4, 2), (refused.ExitCode, failed.ExitCode));
        Assert.Contains("--replace", refused.Error, StringComparison.Ordinal);
        Assert.Equal("precious", File.ReadAllText(path));
        Assert.Equal(0, Record(path, "--replace", "--size", "4K", "--strategy", "iova", "--migrations", "1").ExitCode);
        Assert.NotEqual("precious", File.ReadAllText(path));
    }

    [Fact]
    public void Two_software_records_have_the_same_exact_counts_and_the_letters_lines()
    {
        string before = Recorded("before", "--strategy", "per-page,iova");
        string after = Recorded("after", "--strategy", "per-page,iova");

        CliRun run = CliRun.Of("compare", before, after);

        Assert.Equal(0, run.ExitCode);
        string[] lines = run.Output.Split('\n');
        Assert.Equal(4, lines.Count(line => line.Contains("exact counts per migration are the same.", StringComparison.Ordinal)));
        Assert.DoesNotContain(lines, line => line.Contains("are the same; not:", StringComparison.Ordinal));
        Assert.Equal(8, lines.Count(line => line.StartsWith("Average migrate ", StringComparison.Ordinal)));
        Assert.Matches(@"Average migrate 2M cpu time \(us, percentage\): \d*\.\d{20}, \.\d{20}", run.Output);
        Assert.Contains("never hardware figures", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Unlike_records_are_refused_unless_forced_and_then_labelled()
    {
        string scattered = Recorded("scattered", "--strategy", "iova");
        string contiguous = Recorded("contiguous", "--strategy", "iova", "--layout", "contiguous");

        CliRun refused = CliRun.Of("compare", scattered, contiguous);
        CliRun forced = CliRun.Of("compare", scattered, contiguous, "--force");
        CliRun json = CliRun.Of("compare", scattered, contiguous, "--force", "--json");

        Assert.Equal((4, ""), (refused.ExitCode, refused.Output));
        Assert.Contains("page layout: scattered in scattered, contiguous in contiguous", refused.Error, StringComparison.Ordinal);
        Assert.Equal(0, forced.ExitCode);
        Assert.Contains("UNLIKE", forced.Output, StringComparison.Ordinal);
        Assert.Contains("page layout scattered against contiguous", forced.Output, StringComparison.Ordinal);
        using JsonDocument document = JsonDocument.Parse(json.Output);
        Assert.Equal("xesvm.comparison/1", document.RootElement.GetProperty("schema").GetString());
        Assert.All(document.RootElement.GetProperty("rows").EnumerateArray(), row => Assert.Equal(1, row.GetProperty("unlike").GetArrayLength()));
        Assert.Equal("512", document.RootElement.GetProperty("rows")[0].GetProperty("countersPerMigration").GetProperty("link_calls")[0].GetString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("  ")]
    [InlineData("a\nb")]
    public void A_name_that_is_none_is_a_usage_error(string name)
    {
        CliRun run = CliRun.Of("record", name, "--backend", "software");

        Assert.Equal((2, ""), (run.ExitCode, run.Output));
        Assert.Contains("is no name of a record", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_place_where_nothing_can_be_written_is_named_with_the_reason_before_anything_is_measured()
    {
        foreach ((string name, string reason) in new[] { ("no/such/folder/x", "there is no such folder"), (FolderNamed("x.json"), "it is a folder") })
        {
            CliRun run = CliRun.Of("record", name, "--backend", "software");

            Assert.Equal((1, ""), (run.ExitCode, run.Output));
            Assert.Contains($"cannot be written: {reason}", run.Error, StringComparison.Ordinal);
            Assert.DoesNotContain("case 1 of", run.Error, StringComparison.Ordinal);
        }

        string FolderNamed(string name) => Directory.CreateDirectory(_folder.PathOf(name)).FullName;
    }

    [Theory]
    [InlineData("{", "not a record of schema")]
    [InlineData("", "not a record of schema")]
    [InlineData("{\"schema\": \"xesvm.run/9\"}", "this program reads 'xesvm.run/2' and 'xesvm.run/1'")]
    public void A_file_that_is_no_record_is_a_bad_input_file(string text, string expected)
    {
        string good = Recorded("good", "--strategy", "iova");
        string bad = _folder.Write("bad.json", text);

        CliRun run = CliRun.Of("compare", good, bad);

        Assert.Equal((4, ""), (run.ExitCode, run.Output));
        Assert.Contains(expected, run.Error, StringComparison.Ordinal);
        Assert.Equal(4, CliRun.Of("compare", good, _folder.PathOf("missing")).ExitCode);
        Assert.Equal(4, CliRun.Of("compare", good, _folder.FullPath).ExitCode);
        Assert.Equal(4, CliRun.Of("compare", good, "/dev/zero").ExitCode);
        Assert.Equal(2, CliRun.Of("compare", good).ExitCode);
    }

    [Fact]
    public void The_page_is_written_beside_the_table_and_from_records_later()
    {
        string page = _folder.PathOf("run.html");
        string again = _folder.PathOf("again.html");
        string record = Recorded("one", "--strategy", "iova", "--html", page);

        CliRun run = CliRun.Of("report", record, "--html", again);

        Assert.Equal(0, run.ExitCode);
        Assert.Equal(File.ReadAllText(page), File.ReadAllText(again));
        Assert.StartsWith("<!DOCTYPE html>", File.ReadAllText(page), StringComparison.Ordinal);
        Assert.Equal(0, CliRun.Of("compare", record, record, "--html", again).ExitCode);
        Assert.Contains("Comparison", File.ReadAllText(again), StringComparison.Ordinal);
    }

    [Fact]
    public void Prefetches_are_measured_by_the_request_and_not_held_against_the_published_figures()
    {
        string path = Recorded("prefetch", "--strategy", "per-page", "--cause", "prefetch");

        RunRecord record = RunRecord.Parse(File.ReadAllText(path), path);

        Assert.All(record.Cases, row => Assert.Equal(("prefetch", "request"), (row.Cause, row.Clock)));
        Assert.All(record.Cases, row => Assert.NotNull(row.Measured.CopyUs));
        CliRun table = CliRun.Of("measure", "--backend", "software", "--size", "2M", "--strategy", "per-page", "--cause", "prefetch", "--migrations", "2");
        Assert.DoesNotContain("552.36", table.Output.Split("counted  ")[0], StringComparison.Ordinal);
    }

    [Fact]
    public void The_schemas_are_printed()
    {
        using JsonDocument current = JsonDocument.Parse(CliRun.Of("schema").Output);
        using JsonDocument first = JsonDocument.Parse(CliRun.Of("schema", "xesvm.run/1").Output);

        Assert.Equal("xesvm.run-2.schema.json", current.RootElement.GetProperty("$id").GetString());
        Assert.Equal("xesvm.run-1.schema.json", first.RootElement.GetProperty("$id").GetString());
        Assert.Equal(2, CliRun.Of("schema", "xesvm.run/7").ExitCode);
    }

    [Theory]
    [InlineData("--cause", "boredom")]
    [InlineData("--cause", "fault,prefetch")]
    [InlineData("--pages", "large")]
    [InlineData("--sample", "hour")]
    [InlineData("--warm-up", "-1")]
    public void Values_that_are_not_valid_are_usage_errors(string option, string value) =>
        Assert.Equal(2, CliRun.Of("measure", "--backend", "software", option, value).ExitCode);

    [Fact]
    public void Huge_pages_of_64K_are_a_usage_error() =>
        Assert.Equal(2, CliRun.Of("measure", "--backend", "software", "--pages", "huge", "--size", "64K").ExitCode);

    public void Dispose() => _folder.Dispose();

    private static CliRun Record(string path, params string[] args) => CliRun.Of(["record", path, "--backend", "software", .. args]);

    private string Recorded(string name, params string[] args)
    {
        string path = _folder.PathOf($"{name}.json");
        CliRun run = Record(path, ["--size", "2M,64K", "--migrations", "16", .. args]);
        Assert.Equal((0, ""), (run.ExitCode, run.ExitCode == 0 ? "" : run.Error));
        return path;
    }
}
