using XeSvm.Measurement;
using XeSvm.Statistics;
using XeSvm.Tests.Statistics;

namespace XeSvm.Tests.Measurement;

public sealed class RunComparisonTests
{
    private const int Draws = 1000;
    private const int Rounds = 16;
    private const int PerRound = 8;

    /// <summary>Noise of one migration in us, given the round's own share of it.</summary>
    public enum Noise
    {
        Normal,
        Skewed,
        RoundsDiffer,
        RareStalls,
    }

    [Theory]
    [InlineData(Noise.Normal)]
    [InlineData(Noise.Skewed)]
    [InlineData(Noise.RoundsDiffer)]
    [InlineData(Noise.RareStalls)]
    public void When_nothing_differs_at_most_one_comparison_in_twenty_says_that_something_does(Noise noise)
    {
        Random random = new(20260128 + (int)noise);
        int wrong = Enumerable.Range(0, Draws).Count(_ => IsAnythingSignificant(random, noise, factor: 1));

        Assert.InRange(wrong, 0, Draws / 20);
    }

    [Theory]
    [InlineData(Noise.Normal, 0.9)]
    [InlineData(Noise.Skewed, 0.85)]
    [InlineData(Noise.RoundsDiffer, 0.8)]
    public void A_difference_of_ten_per_cent_is_found_mostly(Noise noise, double factor)
    {
        Random random = new(896 + (int)noise);
        int found = Enumerable.Range(0, 200).Count(_ => IsAnythingSignificant(random, noise, factor));

        Assert.InRange(found, 190, 200);
    }

    [Fact]
    public void The_verdict_names_the_direction_and_the_interval_has_the_factor()
    {
        Random random = new(1);
        RunComparison comparison = RunComparison.Of(
            [Named("before", Record(random, Noise.Normal, 1)), Named("after", Record(random, Noise.Normal, 0.5)), Named("worse", Record(random, Noise.Normal, 2))]);

        ComparisonRow row = comparison.Rows[0];
        Assert.Equal(["faster", "slower"], row.Changes.Select(change => change.Verdict));
        Assert.All(row.Changes, change => Assert.InRange(change.Factor!.Value, change.FactorInterval!.Value.Low, change.FactorInterval.Value.High));
        Assert.InRange(row.Changes[0].Factor!.Value, 1.8, 2.2);
        Assert.InRange(row.Changes[1].Factor!.Value, 0.45, 0.55);
    }

    [Fact]
    public void Counts_are_reproduced_exactly()
    {
        RunRecord record = Record(new Random(2), Noise.Normal, 1);

        RunComparison comparison = RunComparison.Of([Named("a", record), Named("b", RunRecord.Parse(record.ToJson(), "b"))]);

        Assert.All(comparison.Rows, row =>
        {
            Assert.All(row.Counters, counter => Assert.True(counter.IsSame));
            Assert.Equal(["iova_alloc", "iova_alloc_magazine", "iova_alloc_tree", "walks_map"], row.Counters.Select(counter => counter.Name));
            Assert.Equal([false, true, true, false], row.Counters.Select(counter => counter.DependsOnState));
            Assert.Equal(new ExactRatio(1, 1), row.Counters[0].PerMigration[1]);
            Assert.Equal(new ExactRatio(3, 128), row.Counters[2].PerMigration[0]);
        });
        Assert.Empty(comparison.Differences);
    }

    [Theory]
    [InlineData("layout", "page layout: scattered in a, contiguous in b")]
    [InlineData("size", "size: 2M/64K in a, 4K in b")]
    [InlineData("backend", "backend: software in a, kernel in b")]
    [InlineData("cause", "cause: fault in a, prefetch in b")]
    [InlineData("clock", "clock: gt-statistics in a, request in b")]
    [InlineData("pages", "pages: small in a, huge in b")]
    [InlineData("faults", "CPU faults: full in a, coherent in b")]
    public void Unlike_things_are_refused_with_what_is_unlike_and_labelled_when_forced(string aspect, string expected)
    {
        RunRecord first = Record(new Random(3), Noise.Normal, 1);
        RunRecord other = first with { Cases = [.. first.Cases.Select(Changed)] };
        other = aspect switch
        {
            "backend" => other with { Backend = "kernel" },
            "faults" => other with { CpuFaults = "coherent" },
            "size" => other with { Cases = [other.Cases[0]] },
            _ => other,
        };

        RunComparisonException exception = Assert.Throws<RunComparisonException>(() => RunComparison.Of([Named("a", first), Named("b", other)]));
        RunComparison forced = RunComparison.Of([Named("a", first), Named("b", other)], force: true);

        Assert.Contains(expected, exception.Message, StringComparison.Ordinal);
        Assert.All(forced.Rows, row => Assert.Contains(expected.Split(':')[0], Assert.Single(row.Unlike), StringComparison.Ordinal));

        RunCase Changed(RunCase row) => aspect switch
        {
            "layout" => row with { Layout = "contiguous" },
            "size" => row with { Size = "4K" },
            "cause" => row with { Cause = "prefetch" },
            "clock" => row with { Clock = "request" },
            "pages" => row with { Pages = "huge" },
            _ => row,
        };
    }

    [Fact]
    public void Two_iommu_modes_and_two_kernels_are_what_a_comparison_is_for()
    {
        RunRecord before = Record(new Random(4), Noise.Normal, 1);
        RunRecord after = before with
        {
            Host = before.Host with { Kernel = "7.2.0" },
            Machine = new Dictionary<string, string> { ["iommu.group_type"] = "DMA-FQ" },
            Cases = [.. before.Cases.Select(row => row with { Iommu = "lazy", Strategy = "kernel" })],
        };

        RunComparison comparison = RunComparison.Of([Named("before", before), Named("after", after)]);

        Assert.Equal(2, comparison.Rows.Count);
        Assert.All(comparison.Rows, row => Assert.Empty(row.Unlike));
        Assert.Equal(["strategy", "iommu", "kernel", "iommu.group_type"], comparison.Differences.Select(fact => fact.Name));
        Assert.Equal(["6.18.0", "7.2.0"], comparison.Differences.Single(fact => fact.Name == "kernel").Values);
    }

    [Fact]
    public void Each_case_goes_with_the_one_that_is_most_alike_and_what_is_left_is_told()
    {
        RunCase row = Record(new Random(5), Noise.Normal, 1).Cases[0];
        RunRecord first = Record(new Random(5), Noise.Normal, 1) with { Cases = [row with { Strategy = "per-page" }, row with { Strategy = "iova" }] };
        RunRecord other = first with { Cases = [row with { Strategy = "iova" }] };

        RunComparison comparison = RunComparison.Of([Named("a", first), Named("b", other)]);

        Assert.Equal(["iova", "iova"], Assert.Single(comparison.Rows).Cases.Select(one => one.Strategy));
        Assert.Contains("a: 2M per-page, IOMMU strict, layout scattered has no partner", comparison.Notes[0], StringComparison.Ordinal);
    }

    [Fact]
    public void Without_samples_nothing_is_said_of_significance()
    {
        RunRecord old = Record(new Random(6), Noise.Normal, 1);
        old = old with { Schema = RunRecord.FirstSchema, Cases = [.. old.Cases.Select(row => row with { Samples = null })] };

        RunComparison comparison = RunComparison.Of([Named("x", old), Named("x", Record(new Random(7), Noise.Normal, 0.5))]);

        Assert.All(comparison.Rows, row => Assert.Equal(("cannot be told", (double?)null), (row.Changes[0].Verdict, row.Changes[0].PValue)));
        Assert.Equal(["x", "x (2)"], comparison.Records.Select(record => record.Name));
        Assert.Contains("x: the record has no samples (schema xesvm.run/1)", comparison.Notes[0], StringComparison.Ordinal);
        Assert.Throws<RunComparisonException>(() => RunComparison.Of([Named("x", old)]));
    }

    [Fact]
    public void A_machine_that_changed_while_it_was_measured_is_told()
    {
        RunRecord record = Record(new Random(8), Noise.Normal, 1);
        RunSamples samples = record.Cases[0].Samples!;
        RunSamples drifting = samples with { MigrateUs = [.. samples.MigrateUs.Select((time, index) => index < samples.Count / 2 ? time : time + 200)] };
        RunRecord drifted = record with { Cases = [record.Cases[0] with { Samples = drifting }] };

        RunComparison comparison = RunComparison.Of([Named("a", record), Named("b", drifted)]);

        Assert.Contains(comparison.Notes, note => note.StartsWith("b: the first and the second half of 2M", StringComparison.Ordinal));
        Assert.DoesNotContain(comparison.Notes, note => note.StartsWith("a: the first", StringComparison.Ordinal));
    }

    internal static RunRecord Record(Random random, Noise noise, double factor) => new()
    {
        Backend = "software",
        Reason = "a test",
        Device = "software:0",
        CpuFaults = "full",
        Host = new RunHost("6.18.0", "A processor", 2, ".NET 10"),
        Cases = [Case("2M", random, noise, 300 * factor, 200), Case("64K", random, noise, 40 * factor, 5)],
    };

    private static bool IsAnythingSignificant(Random random, Noise noise, double factor) =>
        RunComparison.Of([Named("a", Record(random, noise, 1)), Named("b", Record(random, noise, factor))])
            .Rows.SelectMany(row => row.Changes).Any(change => change.IsSignificant == true);

    private static ComparedRecord Named(string name, RunRecord record) => new(name, record);

    private static RunCase Case(string size, Random random, Noise noise, double cpu, long copy)
    {
        List<long> times = [];
        double ofRound = 0;
        for (int index = 0; index < Rounds * PerRound; index++)
        {
            ofRound = index % PerRound == 0 ? RatioEstimateTests.Normal(random) : ofRound;
            times.Add(copy + Math.Max(0, (long)(cpu * Relative(random, noise, ofRound))));
        }

        RunSamples samples = new(PerRound, times, [.. times.Select(_ => copy)]);
        Assert.True(SvmSizeClass.TryParse(size, out SvmSizeClass? sizeClass));
        MigrationTimes totals = new(sizeClass, (ulong)times.Count, (ulong)times.Sum(), (ulong)copy * (ulong)times.Count);
        Counter[] counters = [new("iova_alloc_magazine", 125, 0), new("iova_alloc_tree", 3, 0), new("walks_map", 512 * 128, 0)];
        return new MeasurementCase(new MeasurementSetup("iova", new IommuSettings("strict"), "scattered"), totals, counters) { Samples = samples }.ToRunCase();
    }

    private static double Relative(Random random, Noise noise, double ofRound) => noise switch
    {
        Noise.Normal => 1 + 0.1 * RatioEstimateTests.Normal(random),
        Noise.Skewed => Math.Exp(0.3 * RatioEstimateTests.Normal(random)),
        Noise.RoundsDiffer => 1 + 0.1 * ofRound + 0.05 * RatioEstimateTests.Normal(random),
        _ => random.NextDouble() < 0.02 ? 5 + 10 * random.NextDouble() : 1 + 0.05 * RatioEstimateTests.Normal(random),
    };
}
