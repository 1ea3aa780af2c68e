using XeSvm.Costs;
using XeSvm.Simulation.Iommu;

namespace XeSvm.Tests.Costs;

public sealed class CostModelTests
{
    private static readonly CostModel s_xe = CostModel.Load("xe-2026-01");

    private static readonly CostSetup s_perPage2M = new()
    {
        Pages = 512,
        Strategy = "per-page",
        Layout = "scattered",
        Iommu = IommuMode.Lazy,
        CoherentWalker = false,
    };

    [Fact]
    public void A_built_in_profile_says_what_it_is_and_what_it_holds_for()
    {
        Assert.Equal(["xe-2026-01", "xe-2026-01-strict", "flat"], CostModel.BuiltInNames);
        Assert.Equal(("xe-2026-01", "us", "built in"), (s_xe.Name, s_xe.Unit, s_xe.Origin));
        Assert.Equal([IommuMode.Lazy, IommuMode.Passthrough, IommuMode.Off], s_xe.Modes);
        Assert.NotEmpty(s_xe.Sources);
        CostSetup calibration = s_xe.CalibrationSetup!;
        Assert.Equal((IommuMode.Lazy, false, true), (calibration.Iommu, calibration.CoherentWalker, calibration.FlushRegression));
        Assert.Null(CostModel.Load("flat").CalibrationSetup);
    }

    [Fact]
    public void The_rows_that_took_no_part_in_the_calibration_are_predicted_within_3_percent()
    {
        IReadOnlyList<CostResidual> residuals = s_xe.Compare(CostRowSelection.Select(s_xe, ["checked"]));

        Assert.Equal(["per-page 64K", "iova 64K"], residuals.Select(residual => residual.Row.Name));
        Assert.All(residuals, residual => Assert.InRange(residual.Relative, -0.03, 0.03));
        Assert.All(residuals, residual => Assert.Equal(residual.Modelled - residual.Row.Value, residual.Difference));
        Assert.All(residuals, residual => Assert.True(residual.IsWithinNoise));
    }

    [Theory]
    [InlineData("per-page", "scattered", false)]
    [InlineData("per-page", "scattered", true)]
    [InlineData("iova", "runs:8", false)]
    [InlineData("iova-runs", "runs:8", false)]
    [InlineData("iova-filled", "contiguous", true)]
    [InlineData("scatterlist", "huge", false)]
    public void The_terms_add_up_to_the_modelled_time_and_are_made_of_counters(string strategy, string layout, bool regression)
    {
        CostEstimate estimate = s_xe.Predict(s_perPage2M with { Strategy = strategy, Layout = layout, FlushRegression = regression });

        Assert.Null(estimate.Reason);
        Assert.Equal(("xe-2026-01", "us", (long)CostModel.PredictionMigrations), (estimate.Profile, estimate.Unit, estimate.Migrations));
        Assert.Equal(estimate.Terms.Sum(term => term.Count * term.UnitCost), estimate.Cpu!.Value, 1e-9);
        Assert.Equal(estimate.Terms.OrderByDescending(term => term.Cost), estimate.Terms);
        Assert.Equal(s_xe.FixedCost, estimate.Terms.Single(term => term.Name == "fixed").Cost);
        Assert.Equal(layout == "huge" ? 1 : 512, estimate.Terms.Single(term => term.Name == "folio").Count);
        Assert.All(
            estimate.Terms.Where(term => term.Name is not ("fixed" or "folio")),
            term => Assert.Equal(s_xe.UnitCosts[term.Name], term.UnitCost));
    }

    [Fact]
    public void The_regression_alone_explains_552_against_334_microseconds()
    {
        CostEstimate healthy = s_xe.Predict(s_perPage2M);
        CostEstimate regressed = s_xe.Predict(s_perPage2M with { FlushRegression = true });

        Assert.Equal(334.0, healthy.Cpu!.Value, 0.5);
        Assert.Equal(552.4, regressed.Cpu!.Value, 0.5);
        Assert.Equal(
            ["flush_calls", "lines_flushed"],
            regressed.Terms.Except(healthy.Terms).Select(term => term.Name).Order(StringComparer.Ordinal));
        Assert.Equal(3 * 512, CountOf(regressed, "flush_calls") - CountOf(healthy, "flush_calls"));
    }

    [Fact]
    public void A_profile_of_other_modes_gives_the_reason_instead_of_a_number()
    {
        CostEstimate strict = s_xe.Predict(s_perPage2M with { Iommu = IommuMode.Strict });
        CostEstimate virtualized = s_xe.Predict(s_perPage2M with { CachingMode = true });
        CostEstimate lazy = CostModel.Load("xe-2026-01-strict").Predict(s_perPage2M);

        Assert.All([strict, virtualized, lazy], estimate => Assert.Null(estimate.Cpu));
        Assert.All([strict, virtualized, lazy], estimate => Assert.Empty(estimate.Terms));
        Assert.Equal("Profile 'xe-2026-01' holds for IOMMU mode lazy or passthrough or off, not for strict.", strict.Reason);
        Assert.Contains("not for strict", virtualized.Reason, StringComparison.Ordinal);
        Assert.Contains("not for lazy", lazy.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Work_that_the_profile_has_no_cost_for_is_not_taken_as_free()
    {
        CostEstimate estimate = s_xe.Predict(s_perPage2M with { WriteBufferFlush = true });

        Assert.Null(estimate.Cpu);
        Assert.Contains("no cost for 'sync_hw'", estimate.Reason, StringComparison.Ordinal);
        Assert.NotNull(CostModel.Load("flat").Predict(s_perPage2M with { WriteBufferFlush = true }).Cpu);
    }

    [Fact]
    public void Counters_that_are_missing_are_not_taken_as_zero()
    {
        Dictionary<string, ulong> none = [];
        Dictionary<string, ulong> some = new() { ["flush_calls"] = 1 };

        Assert.Contains("counts no operations", s_xe.Estimate(s_perPage2M, none, 1).Reason, StringComparison.Ordinal);
        Assert.Contains("The counters have no 'iova_alloc_magazine'", s_xe.Estimate(s_perPage2M, some, 1).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Totals_are_divided_by_the_migrations_and_unknown_counters_change_nothing()
    {
        Dictionary<string, ulong> totals = CostModel.Load("flat").UnitCosts.Keys.ToDictionary(name => name, _ => 6UL);
        totals["walks_of_the_dog"] = 1_000_000;

        CostEstimate estimate = CostModel.Load("flat").Estimate(s_perPage2M, totals, 3);

        Assert.Equal(("units", 3L, 2.0 * CostModel.Load("flat").UnitCosts.Count), (estimate.Unit, estimate.Migrations, estimate.Cpu));
    }

    [Theory]
    [InlineData(0, "iova", "scattered", 4, "0 pages are not valid; 1 to 8192 are")]
    [InlineData(8193, "iova", "scattered", 4, "8193 pages")]
    [InlineData(16, "iowa", "scattered", 4, "'iowa' is no mapping strategy")]
    [InlineData(16, "iova", "tidy", 4, "'tidy' is no page layout")]
    [InlineData(16, "iova", "scattered", 6, "Levels is 6; an I/O page table has 3, 4 or 5 levels")]
    public void A_setup_that_cannot_be_is_refused_with_the_reason(int pages, string strategy, string layout, int levels, string expected)
    {
        CostSetup setup = s_perPage2M with { Pages = pages, Strategy = strategy, Layout = layout, Levels = levels };

        Assert.Contains(expected, Assert.Throws<CostModelException>(() => s_xe.Predict(setup)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(3, 2)]
    [InlineData(4, 3)]
    [InlineData(5, 4)]
    public void The_regression_flushes_once_more_for_each_level_above_the_leaves(int levels, int flushes)
    {
        CostSetup setup = s_perPage2M with { Levels = levels };

        double more = CountOf(s_xe.Predict(setup with { FlushRegression = true }), "flush_calls") - CountOf(s_xe.Predict(setup), "flush_calls");

        Assert.Equal(512 * flushes, more);
    }

    private static double CountOf(CostEstimate estimate, string counter) => estimate.Terms.Single(term => term.Name == counter).Count;
}
