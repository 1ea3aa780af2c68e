using XeSvm.Costs;
using Xunit.Abstractions;

namespace XeSvm.Tests.Costs;

/// <summary>Calibrated on a part of the published rows, checked on the rest, in both directions.</summary>
public sealed class CostRefitTests(ITestOutputHelper output)
{
    private static readonly CostModel s_xe = CostModel.Load("xe-2026-01");

    [Fact]
    public void Fitted_to_the_2M_rows_the_64K_rows_come_within_3_percent()
    {
        CostRefit refit = Fit("2M");

        Assert.True(refit.KeptFixed);
        Assert.Equal(["per-page 2M regressed", "per-page 2M", "iova 2M", "passthrough 2M"], refit.Rows.Select(row => row.Name));
        Assert.All(refit.Compare(refit.Rows), residual => Assert.InRange(residual.Relative, -1e-6, 1e-6));
        IReadOnlyList<CostResidual> checks = Compare(refit, "64K");
        Assert.Equal(["per-page 64K regressed", "per-page 64K", "iova 64K"], checks.Select(residual => residual.Row.Name));
        Assert.All(checks, residual => Assert.InRange(residual.Relative, -0.03, 0.03));

        // 31/32: well conditioned. Only what each migration pays once is not a 32nd of its cost at 2M.
        Assert.All(checks, residual => Assert.InRange(residual.FixedSensitivity!.Value, 0.9, 1.0));
    }

    [Fact]
    public void Fitted_to_the_64K_rows_the_2M_rows_come_within_5_percent_and_hang_on_the_fixed_cost()
    {
        CostRefit refit = Fit("64K");

        Assert.All(refit.Compare(refit.Rows), residual => Assert.InRange(residual.Relative, -1e-6, 1e-6));
        IReadOnlyList<CostResidual> checks = Compare(refit, "per-page 2M regressed", "per-page 2M", "iova 2M");
        Assert.All(checks, residual => Assert.InRange(residual.Relative, -0.05, 0.05));
        Assert.All(checks, residual => Assert.InRange(residual.FixedSensitivity!.Value, -40, -20));
    }

    [Fact]
    public void The_sensitivity_is_what_another_fixed_cost_shows()
    {
        IReadOnlyList<CostModelRow> rows = CostRowSelection.Select(s_xe, ["64K"]);
        IReadOnlyList<CostModelRow> check = CostRowSelection.Select(s_xe, ["iova 2M"]);
        CostResidual at8 = CostRefit.Fit(s_xe, rows, "at 8", 8).Compare(check)[0];
        CostResidual at9 = CostRefit.Fit(s_xe, rows, "at 9", 9).Compare(check)[0];

        Assert.Equal(at8.FixedSensitivity!.Value, at9.Modelled - at8.Modelled, 1e-6);
    }

    [Fact]
    public void Rows_of_two_sizes_tell_the_fixed_cost_themselves_and_contradict_another()
    {
        CostRefit refit = Fit("per-page 64K regressed", "per-page 2M regressed");

        Assert.False(refit.KeptFixed);
        Assert.Equal(7.9653, refit.Model.FixedCost, 0.001);
        Assert.Contains("negative", Refused(refit.Rows, refit.Model.FixedCost + 0.25), StringComparison.Ordinal);
    }

    [Fact]
    public void A_fitted_profile_is_a_profile_that_keeps_calibrated_and_checked_rows_apart()
    {
        CostRefit refit = Fit("64K");
        CostModel read = CostModel.Parse(refit.Model.ToJson(), "fitted.json");

        Assert.Equal("mine", read.Name);
        Assert.Equal(refit.Model.UnitCosts, read.UnitCosts);
        Assert.Equal((refit.Model.FixedCost, refit.Model.CostPerFolio), (read.FixedCost, read.CostPerFolio));
        Assert.Equal(refit.Model.Rows, read.Rows);
        Assert.Equal(refit.Rows.Select(row => row.Name), read.Rows.Where(row => row.Role == CostModelRowRole.Calibrated).Select(row => row.Name));
        Assert.Equal(
            ["per-page 2M regressed", "per-page 2M", "iova 2M", "passthrough 2M"],
            read.Rows.Where(row => row.Role == CostModelRowRole.Checked).Select(row => row.Name));
        Assert.Contains(read.Sources, source => source.Contains("Least relative change of xe-2026-01 that meets 3 rows", StringComparison.Ordinal));
    }

    [Fact]
    public void Every_built_in_profile_survives_its_own_json()
    {
        foreach (CostModel model in CostModel.BuiltInNames.Select(CostModel.Load))
        {
            CostModel read = CostModel.Parse(model.ToJson(), model.Name);
            Assert.Equal(model.ToJson(), read.ToJson());
            Assert.Equal((model.Name, model.Unit, model.FixedCost), (read.Name, read.Unit, read.FixedCost));
        }
    }

    [Fact]
    public void Rows_that_cannot_be_met_are_refused_with_the_reason()
    {
        CostModelRow row = CostRowSelection.Select(s_xe, ["iova 2M"])[0];

        Assert.Contains("no row", Refused([]), StringComparison.Ordinal);
        string same = Refused([row, row with { Name = "again", Value = 1 }]);
        Assert.Contains("'iova 2M', 'again' do the same work", same, StringComparison.Ordinal);
        Assert.DoesNotContain("Parameter", same, StringComparison.Ordinal);
        CostModelRow passthrough = CostRowSelection.Select(s_xe, ["passthrough 2M"])[0];
        Assert.Contains("negative", Refused([row with { Value = 1 }, passthrough]), StringComparison.Ordinal);
        Assert.Contains("4 levels", Refused([row with { Setup = row.Setup with { Levels = 3 } }]), StringComparison.Ordinal);
        Assert.Contains("fixed cost of -1", Refused([row], -1), StringComparison.Ordinal);
        Assert.Contains("fixed cost of NaN", Refused([row], double.NaN), StringComparison.Ordinal);
    }

    private static string Refused(IReadOnlyList<CostModelRow> rows, double? fixedCost = null) =>
        Assert.Throws<CostModelException>(() => CostRefit.Fit(s_xe, rows, "mine", fixedCost)).Message;

    private static CostRefit Fit(params string[] rows) => CostRefit.Fit(s_xe, CostRowSelection.Select(s_xe, rows), "mine");

    private IReadOnlyList<CostResidual> Compare(CostRefit refit, params string[] rows)
    {
        IReadOnlyList<CostResidual> residuals = refit.Compare(CostRowSelection.Select(s_xe, rows));
        foreach (CostResidual residual in residuals)
        {
            output.WriteLine(
                $"{residual.Row.Name}: {residual.Modelled:F2} against {residual.Row.Value:F2} ({residual.Relative:P1}), " +
                $"dF {residual.FixedSensitivity:F2}");
        }

        return residuals;
    }
}
