using XeSvm.Measurement;

namespace XeSvm.Cli.Tests;

public sealed class MeasureTests : IDisposable
{
    private readonly TestFolder _folder = new();

    [Fact]
    public void The_table_has_exact_counts_and_every_label_that_its_figures_need()
    {
        CliRun run = Measure("--size", "2M,64K", "--migrations", "4");

        Assert.Equal(0, run.ExitCode);
        string[][] rows = [.. run.Output.Split('\n')
            .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Where(cells => cells.Length > 10 && cells[0] is "2M" or "64K")];
        Assert.Equal(["2M", "per-page", "4", "512", "512", "1536", "512", "512", "512"], rows[0][..9]);
        Assert.Equal(["2M", "iova", "4", "1", "512", "513", "512", "1", "1"], rows[1][..9]);
        Assert.Equal(["64K", "per-page", "4", "16", "16", "48", "16", "16", "16"], rows[3][..9]);
        Assert.Equal(["64K", "iova-runs", "4", "1", "16", "17", "16", "1", "1"], rows[5][..9]);
        Assert.Equal(["896", "552.36", "71.9", "%", "1.00x"], rows[0][^5..]);
        Assert.Equal(["896", "158.53", "42.7", "%", "3.48x"], rows[2][^5..]);
        Assert.All(
            [
                "[counted, per migration]", "[measured on this host]", "[published (hardware)]", "IOMMU strict", "page layout scattered",
                "n = 4 migrations per row", "Software figures are not hardware figures", "Backend     software, software:0, because",
            ],
            label => Assert.Contains(label, run.Output, StringComparison.Ordinal));
        Assert.DoesNotContain('\u001b', run.Output + run.Error);
    }

    [Fact]
    public void The_choice_of_the_backend_and_each_case_are_told_on_the_error_output()
    {
        CliRun run = Measure("--size", "64K", "--strategy", "iova", "--migrations", "2");

        string[] lines = run.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(2, lines.Length);
        Assert.StartsWith("xesvm: software backend, software:0: ", lines[0], StringComparison.Ordinal);
        Assert.Equal("xesvm: case 1 of 1: 64K iova, IOMMU strict, walker coherent, layout scattered, 2 migrations", lines[1]);
    }

    [Fact]
    public void Lists_may_be_repeated_or_separated_by_commas_in_any_case()
    {
        CliRun run = Measure(
            "--size", "64k", "--size", "64K,4K", "--strategy", "IOVA", "--strategy", "per-page", "--migrations", "1", "--iommu", "Lazy", "--json", "-");

        RunRecord record = RunRecord.Parse(run.Output, "output");
        Assert.Equal(
            [("64K", "iova"), ("4K", "iova"), ("64K", "per-page"), ("4K", "per-page")], record.Cases.Select(row => (row.Size, row.Strategy)));
        Assert.All(record.Cases, row => Assert.Equal("lazy", row.Iommu));
    }

    [Fact]
    public void The_record_goes_to_a_file_beside_the_table_and_replaces_what_was_there()
    {
        string path = _folder.Write("run.json", new string('x', 100_000));

        CliRun run = Measure("--size", "64K", "--migrations", "3", "--layout", "contiguous", "--json", path);

        RunRecord record = RunRecord.Parse(File.ReadAllText(path), path);
        Assert.Equal(3, record.Cases.Count);
        Assert.Equal(("software", "contiguous", 3L), (record.Backend, record.Cases[0].Layout, record.Cases[0].Migrations));
        Assert.Equal(16m, record.Cases[0].Counters["inval_strict"]);
        Assert.Contains("measured on this host", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_run_that_fails_leaves_the_file_as_it_was_and_makes_none()
    {
        string old = _folder.Write("old.json", "keep me");
        string none = _folder.PathOf("none.json");

        Assert.Equal(2, Measure("--layout", "tidy", "--json", old).ExitCode);
        Assert.Equal(2, Measure("--layout", "tidy", "--json", none).ExitCode);

        Assert.Equal("keep me", File.ReadAllText(old));
        Assert.False(File.Exists(none));
    }

    [Fact]
    public void A_place_that_cannot_be_written_is_told_before_anything_is_measured()
    {
        CliRun missing = Measure("--json", _folder.PathOf("no/such/folder.json"));
        CliRun folder = Measure("--json", _folder.FullPath);

        Assert.All([missing, folder], run =>
        {
            Assert.Equal(1, run.ExitCode);
            Assert.DoesNotContain("case 1", run.Error, StringComparison.Ordinal);
            Assert.Empty(run.Output);
        });
    }

    [Fact]
    public void An_interrupted_run_says_so_and_records_nothing()
    {
        using CancellationTokenSource cancellation = new();
        cancellation.Cancel();

        CliRun run = CliRun.Of(
            isTerminal: false, width: 80, useColor: false, cancellation.Token, "measure", "--backend", "software", "--json", _folder.PathOf("run.json"));

        Assert.Equal(130, run.ExitCode);
        Assert.Contains("interrupted", run.Error, StringComparison.Ordinal);
        Assert.False(File.Exists(_folder.PathOf("run.json")));
    }

    [Theory]
    [InlineData(200)]
    [InlineData(80)]
    public void On_a_terminal_each_kind_of_figure_has_a_table_of_its_own(int width)
    {
        CliRun run = CliRun.Of(
            isTerminal: true, width, useColor: false, CancellationToken.None, "measure", "--backend", "software", "--size", "64K", "--migrations", "1");

        Assert.Equal(0, run.ExitCode);
        Assert.Equal(3, run.Output.Split('╭').Length - 1);
        Assert.All(
            ["counted, per migration", "measured on this host", "published (hardware)"],
            title => Assert.Single(run.Output.Split('\n'), line => line.Trim() == title));
        Assert.All(
            run.Output.Split('\n').Where(line => line.Contains('│', StringComparison.Ordinal)),
            line => Assert.InRange(line.TrimEnd().Length, 1, width));
        Assert.Contains("per-page", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_colour_a_terminal_gets_no_colour_codes()
    {
        CliRun run = CliRun.Of(
            isTerminal: true, 200, useColor: false, CancellationToken.None, "measure", "--backend", "software", "--size", "4K", "--migrations", "1");

        Assert.DoesNotContain("\u001b[3", run.Output + run.Error, StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Dispose();

    private static CliRun Measure(params string[] args) => CliRun.Of(["measure", "--backend", "software", .. args]);
}
