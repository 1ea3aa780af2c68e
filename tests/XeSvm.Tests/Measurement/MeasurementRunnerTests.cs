using XeSvm.Measurement;
using XeSvm.Simulation;
using XeSvm.Simulation.Iommu;
using XeSvm.Statistics;

namespace XeSvm.Tests.Measurement;

public sealed class MeasurementRunnerTests : IMeasurementObserver
{
    private readonly List<SoftwareBackendOptions> _options = [];
    private readonly List<string> _events = [];
    private bool _fixedStrategy;

    [Fact]
    public void Every_strategy_gets_a_device_of_its_own_and_every_size_a_case()
    {
        MeasurementPlan plan = new() { Sizes = [SvmSizeClass.Size64K], Migrations = 3, Layouts = ["contiguous"], IommuModes = [IommuMode.Lazy] };

        RunRecord record = Run(plan);

        Assert.Equal(["per-page", "iova", "iova-runs"], record.Cases.Select(@case => @case.Strategy));
        Assert.Equal(["per-page", "iova", "iova-runs"], _options.Select(options => options.Strategy));
        Assert.All(_options, options => Assert.Equal(("contiguous", IommuMode.Lazy), (options.Layout, options.Iommu)));
        Assert.Equal("3 cases", _events[0]);
        Assert.Equal(["start per-page 64K 3", "migrated 3", "start iova 64K 3"], _events[1..4]);
        Assert.Equal(("scripted", "a test", "/dev/dri/renderD128", "full"), (record.Backend, record.Reason, record.Device, record.CpuFaults));
        Assert.Equal(record.ToJson(), RunRecord.Parse(record.ToJson(), "record").ToJson());
    }

    [Fact]
    public void A_backend_whose_strategy_is_fixed_gives_one_case_a_size()
    {
        _fixedStrategy = true;

        RunRecord record = Run(new MeasurementPlan { Sizes = [SvmSizeClass.Size64K], Migrations = 3 });

        Assert.Equal("kernel", Assert.Single(record.Cases).Strategy);
        Assert.Equal("1 cases", _events[0]);
    }

    [Theory]
    [InlineData("strategy", "a strategy")]
    [InlineData("iommu", "an IOMMU mode")]
    [InlineData("layout", "a page layout")]
    [InlineData("walker", "walker")]
    [InlineData("caching", "caching mode")]
    [InlineData("levels", "levels")]
    [InlineData("regression", "flush regression")]
    public void A_choice_that_the_backend_does_not_offer_is_refused_before_anything_runs(string choice, string expected)
    {
        _fixedStrategy = true;
        MeasurementPlan plan = choice switch
        {
            "strategy" => new() { Strategies = ["iova"] },
            "iommu" => new() { IommuModes = [IommuMode.Strict] },
            "walker" => new() { CoherentWalkers = [true] },
            "caching" => new() { CachingMode = false },
            "levels" => new() { Levels = 4 },
            "regression" => new() { FlushRegression = true },
            _ => new() { Layouts = ["scattered"] },
        };

        MeasurementPlanException exception = Assert.Throws<MeasurementPlanException>(() => Run(plan));

        Assert.Contains(expected, exception.Message, StringComparison.Ordinal);
        Assert.Empty(_events);
    }

    [Fact]
    public void A_plan_without_sizes_strategies_or_migrations_is_refused()
    {
        Assert.Throws<MeasurementPlanException>(() => Run(new MeasurementPlan { Sizes = [] }));
        Assert.Throws<MeasurementPlanException>(() => Run(new MeasurementPlan { Strategies = [] }));
        Assert.Throws<MeasurementPlanException>(() => Run(new MeasurementPlan { Migrations = 0 }));
        Assert.Throws<MeasurementPlanException>(() => Run(new MeasurementPlan { Layouts = [] }));
    }

    void IMeasurementObserver.BackendSelected(BackendSelection selection, int cases) => _events.Add($"{cases} cases");

    void IMeasurementObserver.CaseStarted(MeasurementSetup setup, SvmSizeClass size, int migrations) =>
        _events.Add($"start {setup.Strategy} {size} {migrations}");

    void IMeasurementObserver.Migrated(int count) => _events.Add($"migrated {count}");

    private RunRecord Run(MeasurementPlan plan)
    {
        MeasurementRunner runner = new((choice, options) =>
        {
            _options.Add(options);
            ScriptedDevice device = new("64K", 64)
            {
                BackendText = _fixedStrategy
                    ? "backend: kernel\n"
                    : $"cpu_faults: full\nstrategy: {options.Strategy}\niommu: lazy\nlayout: contiguous\n",
            };
            return new BackendSelection(device.Backend, device.Backend.Nodes[0], choice ?? BackendChoice.Auto, "a test");
        });
        return runner.Run(plan, this);
    }
}
