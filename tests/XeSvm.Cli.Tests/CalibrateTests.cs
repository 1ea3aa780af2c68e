using System.Globalization;
using XeSvm.Costs;

namespace XeSvm.Cli.Tests;

/// <summary>Both directions of the calibration, as commands.</summary>
public sealed class CalibrateTests : IDisposable
{
    private readonly TestFolder _folder = new();

    [Fact]
    public void Fitted_to_2M_the_64K_rows_are_met_within_3_percent()
    {
        CliRun run = Calibrate("--rows", "2M", "--check", "64K");

        Assert.Equal(0, run.ExitCode);
        (string Row, decimal Percent, decimal Sensitivity)[] checks = Residuals(run);
        Assert.Equal(["per-page 64K regressed", "per-page 64K", "iova 64K", "iova-runs 64K"], checks.Select(check => check.Row));
        Assert.All(checks[..3], check => Assert.InRange(check.Percent, -3m, 3m));
        Assert.All(checks, check => Assert.Equal(0.97m, check.Sensitivity));
        Assert.Contains("they prove nothing", Flat(run), StringComparison.Ordinal);
        Assert.DoesNotContain("ill-conditioned", run.Output, StringComparison.Ordinal);
        Assert.Contains("7.9653 us, held", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Fitted_to_64K_the_2M_rows_are_met_within_5_percent_and_the_direction_is_called_what_it_is()
    {
        CliRun run = Calibrate("--rows", "64K", "--check", "2M");

        (string Row, decimal Percent, decimal Sensitivity)[] checks = Residuals(run);
        Assert.Equal(
            ["per-page 2M regressed", "per-page 2M", "iova 2M", "passthrough 2M", "iova-runs 2M"], checks.Select(check => check.Row));
        Assert.All(checks[..4], check => Assert.InRange(check.Percent, -5m, 5m));
        Assert.All(checks, check => Assert.InRange(check.Sensitivity, -31.01m, -30m));
        Assert.Contains("one us in the fixed cost moves a prediction by 31.00", Flat(run), StringComparison.Ordinal);
    }

    [Fact]
    public void Another_fixed_cost_moves_the_ill_conditioned_prediction_by_the_sensitivity()
    {
        string[] rows = ["--rows", "64K", "--check", "iova 2M"];
        decimal at8 = Modelled(Calibrate([.. rows, "--fixed", "8"]), "iova 2M");
        decimal at9 = Modelled(Calibrate([.. rows, "--fixed", "9"]), "iova 2M");

        Assert.InRange(at9 - at8, -31.02m, -30.98m);
    }

    [Fact]
    public void The_fitted_profile_is_a_file_that_can_be_used_and_fitted_again()
    {
        string path = _folder.PathOf("mine.json");

        CliRun run = Calibrate("--rows", "per-page 64K", "iova 64K", "--name", "mine", "--output", path);
        CliRun again = CliRun.Of("calibrate", "--profile", path, "--rows", "calibrated", "--check", "2M");
        CliRun used = CliRun.Of(
            "measure", "--backend", "software", "--profile", path, "--size", "64K", "--strategy", "per-page,iova", "--migrations", "4");

        Assert.All([run, again, used], result => Assert.Equal(0, result.ExitCode));
        CostModel model = CostModel.Load(path);
        Assert.Equal(["per-page 64K", "iova 64K"], model.Rows.Where(row => row.Role == CostModelRowRole.Calibrated).Select(row => row.Name));
        Assert.Contains("[modelled, mine]", used.Output, StringComparison.Ordinal);
        Assert.Contains(" 18.63 ", used.Output, StringComparison.Ordinal);
        Assert.Contains(" 14.66 ", used.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Rows_may_come_from_a_file()
    {
        string path = _folder.Write("rows.json", CostModel.Load("xe-2026-01").ToJson().Replace("\"iova 2M\"", "\"my row\"", StringComparison.Ordinal));

        CliRun run = Calibrate("--rows", "2M", "--check", path);

        Assert.Contains("my row", Residuals(run).Select(check => check.Row));
    }

    [Theory]
    [InlineData("'3G' names no row of profile 'xe-2026-01'", "--rows", "3G")]
    [InlineData("'4K' finds no row", "--rows", "4K")]
    [InlineData("do the same work", "--rows", "iova 2M,iova-runs 2M scattered")]
    [InlineData("do the same work", "--rows", "64K,2M", "--fixed", "100")]
    [InlineData("negative", "--rows", "per-page 64K,per-page 2M", "--fixed", "100")]
    public void Rows_that_cannot_be_used_are_refused_and_nothing_is_written(string expected, params string[] args)
    {
        string path = _folder.PathOf("none.json");

        CliRun run = Calibrate([.. args, "--output", path]);

        Assert.Equal(4, run.ExitCode);
        Assert.Contains(expected, run.Error, StringComparison.Ordinal);
        Assert.Empty(run.Output);
        Assert.False(File.Exists(path));
    }

    public void Dispose() => _folder.Dispose();

    private static CliRun Calibrate(params string[] args) => CliRun.Of(["calibrate", "--profile", "xe-2026-01", .. args]);

    private static string Flat(CliRun run) => string.Join(' ', run.Output.Split(default(char[]), StringSplitOptions.RemoveEmptyEntries));

    private static decimal Modelled(CliRun run, string row) => Number(Others(run).Single(cells => cells[0] == row)[7]);

    private static (string Row, decimal Percent, decimal Sensitivity)[] Residuals(CliRun run) =>
        [.. Others(run).Select(cells => (cells[0], Number(cells[9].Replace(" %", "", StringComparison.Ordinal)), Number(cells[11])))];

    /// <summary>The rows that took no part; cells are at least two blanks apart.</summary>
    private static IEnumerable<string[]> Others(CliRun run) => run.Output
        .Split("Rows that took no part\n")[1]
        .Split('\n')
        .TakeWhile(line => line.Length > 0)
        .Skip(2)
        .Select(line => line.Split("  ", StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));

    private static decimal Number(string text) => decimal.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture);
}
