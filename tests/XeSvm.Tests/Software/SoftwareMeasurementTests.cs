using XeSvm.Costs;
using XeSvm.Measurement;
using XeSvm.Simulation.Iommu;
using XeSvm.Statistics;

namespace XeSvm.Tests.Software;

/// <summary>The measurement on the software backend: the counts of one migration are facts, not figures.</summary>
[Collection(nameof(SoftwareCollection))]
public sealed class SoftwareMeasurementTests : IMeasurementObserver
{
    [Theory]
    [InlineData("per-page", "2M", 512, 512, 1536, 512, 512)]
    [InlineData("iova", "2M", 1, 512, 513, 1, 1)]
    [InlineData("iova-runs", "2M", 1, 512, 513, 1, 1)]
    [InlineData("per-page", "64K", 16, 16, 48, 16, 16)]
    [InlineData("iova", "64K", 1, 16, 17, 1, 1)]
    [InlineData("iova-runs", "64K", 1, 16, 17, 1, 1)]
    public void Scattered_pages_cost_what_the_strategy_says(
        string strategy, string size, ulong allocations, ulong links, ulong walks, ulong syncs, ulong invalidations)
    {
        RunCase result = Run(strategy, size, "scattered", IommuMode.Strict);

        Assert.Equal(allocations, Sum(result, "iova_alloc_magazine", "iova_alloc_tree"));
        Assert.Equal(links, Sum(result, "link_calls", "map_calls"));
        Assert.Equal(walks, Sum(result, "walks_map", "walks_unmap", "walks_lookup"));
        Assert.Equal(links, Sum(result, "pte_set"));
        Assert.Equal(syncs, Sum(result, "sync_calls"));
        Assert.Equal(invalidations, Sum(result, "inval_strict"));
    }

    [Theory]
    [InlineData("runs:8", "2M", 64)]
    [InlineData("contiguous", "2M", 1)]
    [InlineData("contiguous", "64K", 1)]
    public void Runs_of_pages_are_linked_at_once_by_iova_runs(string layout, string size, ulong links)
    {
        RunCase result = Run("iova-runs", size, layout, IommuMode.Strict);

        Assert.Equal(layout, result.Layout);
        Assert.Equal(links, Sum(result, "link_calls", "map_calls"));
    }

    [Fact]
    public void Without_a_translating_iommu_there_is_nothing_to_allocate_or_invalidate()
    {
        RunCase result = Run("iova", "64K", "scattered", IommuMode.Passthrough);

        Assert.Equal("passthrough", result.Iommu);
        Assert.Equal(0UL, Sum(result, "iova_alloc_magazine", "iova_alloc_tree", "inval_strict", "pte_set"));
    }

    [Fact]
    public void Modelled_time_comes_from_the_runs_own_counters_in_the_setup_of_the_profile()
    {
        RunRecord record = new MeasurementRunner().Run(
            new MeasurementPlan
            {
                Backend = BackendChoice.Software,
                Sizes = [SvmSizeClass.Size2M, SvmSizeClass.Size64K],
                Profile = CostModel.Load("xe-2026-01"),
                Migrations = 6,
            },
            this);

        Assert.Equal(6, record.Cases.Count);
        Assert.All(record.Cases, row => Assert.Equal(("lazy", "non-coherent", false, 4), (row.Iommu, row.Walker, row.FlushRegression, row.Levels)));
        Assert.All(record.Cases, row => Assert.Equal((null, "us", "xe-2026-01"), (row.Modelled!.Reason, row.Modelled.Unit, row.Modelled.Profile)));
        Assert.All(record.Cases, row => Assert.Equal(row.Modelled!.CpuUs!.Value, row.Modelled.Terms!.Sum(term => term.Cost), 4));
        Assert.All(record.Cases, row => Assert.All(row.Modelled!.Terms!.Where(term => row.CounterTotals.ContainsKey(term.Name)), term =>
            Assert.Equal((decimal)row.CounterTotals[term.Name] / row.Migrations, term.Count, 5)));
        (string Strategy, string Size, decimal Published)[] rows =
            [("per-page", "2M", 334.00m), ("iova", "2M", 224.82m), ("per-page", "64K", 18.63m), ("iova", "64K", 14.66m)];
        Assert.All(rows, row =>
        {
            RunCase found = record.Cases.Single(@case => (@case.Strategy, @case.Size) == (row.Strategy, row.Size));
            Assert.InRange(found.Modelled!.CpuUs!.Value / row.Published, 0.97m, 1.03m);
        });
    }

    [Fact]
    public void Every_combination_is_measured_and_a_profile_that_does_not_fit_says_why()
    {
        RunRecord record = new MeasurementRunner().Run(
            new MeasurementPlan
            {
                Backend = BackendChoice.Software,
                Sizes = [SvmSizeClass.Size64K, SvmSizeClass.Size4K],
                Strategies = ["iova-filled", "scatterlist"],
                IommuModes = [IommuMode.Strict, IommuMode.Lazy],
                CoherentWalkers = [true, false],
                Layouts = ["scattered", "runs:8"],
                Levels = 3,
                FlushRegression = true,
                Profile = CostModel.Load("xe-2026-01"),
                Migrations = 6,
            },
            this);

        Assert.Equal(2 * 2 * 2 * 2 * 2, record.Cases.Count);
        Assert.Equal(record.Cases.Count, record.Cases.Select(row => (row.Size, row.Strategy, row.Iommu, row.Walker, row.Layout)).Distinct().Count());
        Assert.All(record.Cases, row => Assert.Equal((3, true, false), (row.Levels, row.FlushRegression, row.CachingMode)));
        RunCase[] strict = [.. record.Cases.Where(row => row.Iommu == "strict")];
        Assert.Equal(16, strict.Length);
        Assert.All(strict, row => Assert.Contains("not for strict", row.Modelled!.Reason, StringComparison.Ordinal));
        Assert.All(strict, row => Assert.Null(row.Modelled!.CpuUs));
        Assert.All(record.Cases.Where(row => row.Iommu == "lazy"), row => Assert.InRange(row.Modelled!.CpuUs!.Value, 8m, 40m));
        Assert.Equal(record.ToJson(), RunRecord.Parse(record.ToJson(), "record").ToJson());
    }

    void IMeasurementObserver.BackendSelected(BackendSelection selection, int cases) => Assert.Equal("software", selection.Backend.Name);

    void IMeasurementObserver.CaseStarted(MeasurementSetup setup, SvmSizeClass size, int migrations) => Assert.Equal(6, migrations);

    void IMeasurementObserver.Migrated(int count) => Assert.InRange(count, 1, 6);

    private static ulong Sum(RunCase result, params string[] counters)
    {
        ulong total = counters.Aggregate(0UL, (sum, name) => sum + result.CounterTotals[name]);
        Assert.Equal(0UL, total % (ulong)result.Migrations);
        return total / (ulong)result.Migrations;
    }

    private RunCase Run(string strategy, string size, string layout, IommuMode iommu)
    {
        Assert.True(SvmSizeClass.TryParse(size, out SvmSizeClass? sizeClass));
        RunRecord record = new MeasurementRunner().Run(
            new MeasurementPlan
            {
                Backend = BackendChoice.Software,
                Sizes = [sizeClass],
                Strategies = [strategy],
                Layouts = [layout],
                IommuModes = [iommu],
                Migrations = 6,
            },
            this);
        RunCase result = Assert.Single(record.Cases);
        Assert.Equal((strategy, 6L), (result.Strategy, result.Migrations));
        Assert.InRange(result.Measured.CpuUs!.Value, 0.1m, 1_000_000m);
        return result;
    }
}
