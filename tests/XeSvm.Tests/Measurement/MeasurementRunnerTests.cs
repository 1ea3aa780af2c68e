using XeSvm.Measurement;
using XeSvm.Simulation;
using XeSvm.Simulation.Iommu;
using XeSvm.Statistics;
using XeSvm.Tests.Doubles;

namespace XeSvm.Tests.Measurement;

public sealed class MeasurementRunnerTests : IMeasurementObserver
{
    private readonly List<SoftwareBackendOptions> _options = [];
    private readonly List<string> _events = [];
    private bool _fixedStrategy;
    private Action<ScriptedFile> _adjust = _ => { };

    [Fact]
    public void Every_strategy_gets_a_device_of_its_own_and_every_size_a_case()
    {
        MeasurementPlan plan = new() { Sizes = [SvmSizeClass.Size64K], Migrations = 3, Layouts = ["contiguous"], IommuModes = [IommuMode.Lazy] };

        RunRecord record = Run(plan);

        Assert.Equal(["per-page", "iova", "iova-runs"], record.Cases.Select(@case => @case.Strategy));
        Assert.Equal(["per-page", "iova", "iova-runs"], _options.Select(options => options.Strategy));
        Assert.All(_options, options => Assert.Equal(("contiguous", IommuMode.Lazy), (options.Layout, options.Iommu)));
        Assert.Equal("3 cases", _events[0]);
        Assert.Equal(["start per-page 64K 3", "migrated 1", "migrated 1", "migrated 1", "start iova 64K 3"], _events[1..6]);
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

    [Fact]
    public void Without_statistics_prefetches_are_timed_and_the_record_says_what_that_cannot_tell()
    {
        _adjust = file => file.DebugFiles.Remove("gt0/stats");

        RunRecord record = Run(new MeasurementPlan { Sizes = [SvmSizeClass.Size64K], Strategies = ["iova"], Migrations = 20 });

        RunCase row = Assert.Single(record.Cases);
        Assert.Equal(("prefetch", "request", 20L), (row.Cause, row.Clock, row.Migrations));
        Assert.Equal((null, null, null), (row.Measured.CpuUs, row.Measured.CopyUs, row.Measured.Share));
        Assert.NotNull(row.Measured.MigrateUs);
        Assert.Equal(20, row.Samples!.Count);
        Assert.Null(row.Samples.CopyUs);
        Assert.Contains("cannot tell: CPU time and copy time apart", record.Notes![0], StringComparison.Ordinal);
        Assert.Contains("run as root", record.Notes[0], StringComparison.Ordinal);
        Assert.Contains("sudo", record.Notes[1], StringComparison.Ordinal);
        Assert.Equal(2, _events.Count(line => line.StartsWith("note ", StringComparison.Ordinal)));
        Assert.Equal(record.ToJson(), RunRecord.Parse(record.ToJson(), "record").ToJson());
    }

    [Fact]
    public void A_driver_without_the_times_of_migrations_is_one_whose_statistics_cannot_be_used()
    {
        _adjust = file => file.DebugFiles["gt0/stats"] = () => "svm_pagefault_count: 1\ntlb_inval_count: 2\nvma_pagefault_count: 3\nvma_pagefault_kb: 4\n";

        RunRecord record = Run(new MeasurementPlan { Sizes = [SvmSizeClass.Size64K], Strategies = ["iova"], Migrations = 3 });

        Assert.Equal("prefetch", Assert.Single(record.Cases).Cause);
        Assert.Contains("older than the times of SVM migrations", record.Notes![0], StringComparison.Ordinal);
    }

    [Fact]
    public void Faults_that_were_asked_for_are_not_replaced_by_anything()
    {
        _adjust = file => file.DebugFiles.Remove("gt0/stats");

        StatisticsUnavailableException exception = Assert.Throws<StatisticsUnavailableException>(
            () => Run(new MeasurementPlan { Sizes = [SvmSizeClass.Size64K], Cause = MigrationCause.Fault, Migrations = 3 }));

        Assert.Contains("xesvm doctor", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Huge_pages_of_small_ranges_and_a_negative_warm_up_are_refused()
    {
        MeasurementPlanException huge = Assert.Throws<MeasurementPlanException>(
            () => Run(new MeasurementPlan { Sizes = [SvmSizeClass.Size2M, SvmSizeClass.Size64K], Pages = PageBacking.Huge }));
        Assert.Throws<MeasurementPlanException>(() => Run(new MeasurementPlan { WarmUp = -1 }));

        Assert.Contains("a range of 64K cannot", huge.Message, StringComparison.Ordinal);
        Assert.Empty(_events);
    }

    [Fact]
    public void The_record_knows_the_machine_its_noise_and_its_time()
    {
        RunRecord record = Run(new MeasurementPlan { Sizes = [SvmSizeClass.Size64K], Strategies = ["iova"], Migrations = 3, Name = "before" });

        Assert.Equal("before", record.Name);
        Assert.Equal(HostInformation.Read().Kernel, record.Machine!["kernel.release"]);
        Assert.InRange(record.Noise!.LostShare, 0m, 1m);
        Assert.InRange((DateTimeOffset.UtcNow - record.Created!.Value).TotalMinutes, 0, 10);
        Assert.Null(record.Notes);
    }

    void IMeasurementObserver.BackendSelected(BackendSelection selection, int cases) => _events.Add($"{cases} cases");

    void IMeasurementObserver.Noted(string note) => _events.Add($"note {note}");

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
                Adjust = _adjust,
                BackendText = _fixedStrategy
                    ? "backend: kernel\n"
                    : $"cpu_faults: full\nstrategy: {options.Strategy}\niommu: lazy\nlayout: contiguous\n",
            };
            return new BackendSelection(device.Backend, device.Backend.Nodes[0], choice ?? BackendChoice.Auto, "a test");
        });
        return runner.Run(plan, this);
    }
}
