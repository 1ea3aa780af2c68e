using System.Globalization;
using System.Text.RegularExpressions;
using XeSvm.Measurement;

namespace XeSvm.Cli.Tests;

/// <summary>Modelled time, its explanation, and matrices of cases.</summary>
public sealed class ModelledTests : IDisposable
{
    private readonly TestFolder _folder = new();

    [Fact]
    public void The_cover_letters_table_has_modelled_measured_and_published_columns_side_by_side()
    {
        CliRun run = Measure("--profile", "xe-2026-01", "--migrations", "8");

        Assert.Equal(0, run.ExitCode);
        string groups = run.Output.Split('\n').Single(line => line.Contains("[counted", StringComparison.Ordinal));
        string[] titles = ["[counted, per migration]", "[modelled, xe-2026-01]", "[measured on this host]", "[published (hardware)]"];
        Assert.Equal(titles, titles.OrderBy(title => groups.IndexOf(title, StringComparison.Ordinal)));
        Assert.All(titles, title => Assert.Contains(title, groups, StringComparison.Ordinal));
        string[][] rows = Rows(run, "2M", "64K");
        Assert.Equal(6, rows.Length);
        Assert.Equal(["8", "334.00", "6.68", "1.00x", "8"], rows[0][9..14]);
        Assert.Equal(["8", "224.82", "4.50", "1.49x", "8"], rows[1][9..14]);
        Assert.Equal(["896", "334.00", "552.36", "71.9", "%", "1.00x"], rows[0][^6..]);
        Assert.Equal(["896", "18.63", "24.98", "34.8", "%", "1.00x"], rows[3][^6..]);
        Assert.All(
            ["IOMMU lazy", "walker non-coherent, 4 levels, caching mode off, flush regression off", "Checked: per-page 64K", "Checked: iova 64K",
             "no clock was involved", "Profile     xe-2026-01 (built in)"],
            label => Assert.Contains(label, run.Output, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("--iommu", "strict", "not for strict")]
    [InlineData("--caching-mode", null, "not for strict")]
    public void A_profile_that_does_not_fit_gives_the_reason_instead_of_a_number(string option, string? value, string reason)
    {
        string[] setup = value is null ? [option] : [option, value];
        CliRun run = Measure([.. setup, "--profile", "xe-2026-01", "--size", "64K", "--strategy", "iova", "--migrations", "2"]);

        string[] row = Assert.Single(Rows(run, "64K"));
        Assert.Equal(["2", "-", "-", "-", "2"], row[9..14]);
        Assert.Contains(
            "No figure (-): Profile 'xe-2026-01' holds for IOMMU mode lazy or passthrough or off, " + reason, Flat(run), StringComparison.Ordinal);
    }

    [Fact]
    public void The_explanation_adds_up_to_the_modelled_times_and_tells_what_the_regression_did()
    {
        CliRun run = Measure("--profile", "xe-2026-01", "--explain", "--strategy", "per-page,iova", "--migrations", "2");

        Assert.Equal(0, run.ExitCode);
        string[][] terms = [.. Rows(run, "2M", "64K").Where(cells => cells[2] == "lazy")];
        foreach (IGrouping<string, string[]> @case in terms.GroupBy(cells => $"{cells[0]} {cells[1]}"))
        {
            decimal[] costs = [.. @case.Where(cells => cells[6] != "total").Select(cells => Decimal(cells[9]))];
            string[] total = @case.Single(cells => cells[6] == "total");
            Assert.Equal("2", total[5]);
            Assert.InRange(costs.Sum() - Decimal(total[7]), -0.005m * costs.Length, 0.005m * costs.Length);
        }

        Assert.Equal(4, terms.Count(cells => cells[6] == "total"));
        Assert.Contains(
            "Modelled 334.00 -> 552.36 us, published 334.00 (v4, measured again after the fix) and 552.36 us (RFC v3).",
            Flat(run),
            StringComparison.Ordinal);
        Assert.Contains("Modelled 18.15 -> 24.98 us, published 18.63", Flat(run), StringComparison.Ordinal);
        string[][] regression = [.. run.Output.Split('\n').Select(Cells).Where(cells => cells.Length == 7 && Names(cells[0]))];
        Assert.Contains(regression, cells => cells is ["flush_calls", "1024", "2560", ..]);
        Assert.Contains(regression, cells => cells is ["lines_flushed", "1024", "2560", ..]);
        Assert.All(regression.Where(cells => cells[0] is not ("flush_calls" or "lines_flushed")), cells => Assert.Equal("0.00", cells[6]));
        Assert.Contains("-31.00", run.Output, StringComparison.Ordinal);
        Assert.Contains("ill-conditioned", run.Output, StringComparison.Ordinal);

        static bool Names(string cell) => cell.Contains('_', StringComparison.Ordinal) || cell is "fixed" or "folio";
    }

    [Fact]
    public void The_record_says_what_was_modelled_and_how()
    {
        CliRun run = Measure(
            "--profile", "flat", "--size", "64K", "--strategy", "iova", "--levels", "5", "--flush-regression", "--migrations", "2", "--json", "-");

        RunCase row = Assert.Single(RunRecord.Parse(run.Output, "output").Cases);
        Assert.Equal(("strict", "coherent", 5, false, true), (row.Iommu, row.Walker, row.Levels, row.CachingMode, row.FlushRegression));
        Assert.Equal(("flat", "units", null, null), (row.Modelled!.Profile, row.Modelled.Unit, row.Modelled.CpuUs, row.Modelled.Reason));
        string[] noOperations = ["segments", "fallback_segments", "errors", "bytes_copied"];
        Assert.Equal(row.Counters.Where(counter => !noOperations.Contains(counter.Key)).Sum(counter => counter.Value), row.Modelled.Units);
    }

    [Fact]
    public void A_matrix_has_every_combination_once_in_the_table_the_lines_and_the_record()
    {
        string csv = _folder.PathOf("matrix.csv");
        string json = _folder.PathOf("matrix.json");
        CliRun run = Measure(
            "--matrix", "--size", "64K,4K", "--layout", "scattered,runs:8", "--strategy", "iova-filled,scatterlist",
            "--migrations", "1", "--profile", "xe-2026-01", "--csv", csv, "--json", json);

        Assert.Equal(0, run.ExitCode);
        const int Size = 2 * 2 * 4 * 2 * 2;
        Assert.Equal(Size, Rows(run, "64K", "4K").Length);
        Assert.Equal(Size, Rows(run, "64K", "4K").Select(cells => string.Join(' ', cells[..5])).Distinct().Count());
        RunRecord record = RunRecord.Parse(File.ReadAllText(json), json);
        Assert.Equal(Size, record.Cases.Select(row => (row.Size, row.Strategy, row.Iommu, row.Walker, row.Layout)).Distinct().Count());
        string[] lines = File.ReadAllText(csv).Split("\r\n");
        Assert.Equal(Size + 2, lines.Length);
        Assert.Equal("", lines[^1]);
        string[] heads = lines[0].Split(',');
        Assert.All(lines[1..^1], line => Assert.Equal(heads.Length, Values(line).Length));
        Assert.Equal(
            ["backend", "device", "size", "strategy", "iommu", "walker", "levels", "caching_mode", "flush_regression", "layout", "n"], heads[..11]);
        Assert.All(heads[11..], head => Assert.Matches("^(counted|modelled|measured|published)_", head));
        Assert.Equal(Size / 4, lines.Count(line => line.Contains("not for strict", StringComparison.Ordinal)));
        int modelled = Array.IndexOf(heads, "modelled_cpu");
        Assert.All(
            lines[1..^1].Select(Values).Zip(record.Cases),
            pair => Assert.Equal(pair.Second.Modelled!.Cost?.ToString(CultureInfo.InvariantCulture) ?? "", pair.First[modelled]));
    }

    [Fact]
    public void A_matrix_that_nothing_narrows_has_all_sizes_strategies_modes_walkers_and_layouts()
    {
        MeasurementPlan plan = MeasurementPlan.Matrix;

        Assert.Equal(
            (3, 5, 4, 2, 6), (plan.Sizes.Count, plan.Strategies!.Count, plan.IommuModes!.Count, plan.CoherentWalkers!.Count, plan.Layouts!.Count));
    }

    [Fact]
    public void The_lines_may_go_to_the_output_instead_of_the_table()
    {
        CliRun run = Measure("--size", "4K", "--strategy", "scatterlist,iova-filled", "--walker", "non-coherent", "--migrations", "1", "--csv", "-");

        string[] lines = run.Output.Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(3, lines.Length);
        Assert.StartsWith("software,software:0,4K,scatterlist,strict,non-coherent,4,off,off,scattered,1,", lines[1], StringComparison.Ordinal);
        Assert.EndsWith(",,,", lines[1], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("xe-2027", "'xe-2027' is no built-in cost profile and there is no such file; built in are xe-2026-01")]
    [InlineData("@{", "is no JSON")]
    [InlineData("@{ \"schema\": \"xesvm.cost-profile/9\" }", "profile.schema is 'xesvm.cost-profile/9'")]
    [InlineData("@{ \"schema\": \"xesvm.cost-profile/1\", \"name\": \"n\", \"description\": \"d\", \"unit\": \"us\", \"fixed\": -1 }", "profile.fixed is -1")]
    public void A_profile_that_cannot_be_used_is_told_before_anything_is_measured(string profile, string expected)
    {
        string path = profile.StartsWith('@') ? _folder.Write("profile.json", profile[1..]) : profile;

        CliRun run = Measure("--profile", path, "--json", _folder.PathOf("none.json"));

        Assert.Equal(4, run.ExitCode);
        Assert.Contains(expected, run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("case 1", run.Error, StringComparison.Ordinal);
        Assert.Empty(run.Output);
        Assert.False(File.Exists(_folder.PathOf("none.json")));
    }

    [Fact]
    public void The_last_combination_is_checked_before_the_first_is_measured()
    {
        CliRun run = Measure("--layout", "scattered,tidy", "--migrations", "1");

        Assert.Equal(2, run.ExitCode);
        Assert.Contains("'tidy' is no page layout", run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("case 1", run.Error, StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Dispose();

    private static CliRun Measure(params string[] args) => CliRun.Of(["measure", "--backend", "software", .. args]);

    private static string[] Cells(string line) => line.Split(' ', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>The lines of tables that begin with a size.</summary>
    private static string[][] Rows(CliRun run, params string[] sizes) =>
        [.. run.Output.Split('\n').Select(Cells).Where(cells => cells.Length >= 10 && sizes.Contains(cells[0]))];

    /// <summary>The output with its notes on one line.</summary>
    private static string Flat(CliRun run) => string.Join(' ', run.Output.Split('\n').SelectMany(Cells));

    /// <summary>The values of a line: those in quotes may have commas in them.</summary>
    private static string[] Values(string line) =>
        [.. Regex.Matches(line, "(?:^|,)(?:\"((?:[^\"]|\"\")*)\"|([^,\"]*))").Select(match => match.Groups[1].Value + match.Groups[2].Value)];

    private static decimal Decimal(string text) => decimal.Parse(text, CultureInfo.InvariantCulture);
}
