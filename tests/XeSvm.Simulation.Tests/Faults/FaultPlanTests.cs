using CsCheck;

namespace XeSvm.Simulation.Tests.Faults;

/// <summary>The grammar of XESVM_FAULTS, and what the rules choose.</summary>
public sealed class FaultPlanTests
{
    private static readonly Gen<FaultRule> s_rule = Gen.Select(
        Gen.Int[0, FaultPointNames.Count - 1], Gen.Bool, Gen.Long[1, 1000], Gen.Int[1, 1000], Gen.Long[0, 9], Gen.Int[-1, 511], Gen.Int[1, 10_000_000],
        (point, counted, at, thousandths, times, page, microseconds) => (FaultPoint)point switch
        {
            FaultPoint.Userfaultfd => new FaultRule(FaultPoint.Userfaultfd),
            var named => new FaultRule(named)
            {
                At = counted ? at : 0,
                Probability = counted ? 0 : thousandths / 1000.0,
                Times = times,
                Page = named == FaultPoint.Link && page >= 0 ? page : null,
                Delay = named == FaultPoint.SlowCopy ? TimeSpan.FromMicroseconds(microseconds) : TimeSpan.Zero,
            },
        });

    [Fact]
    public void A_plan_that_is_written_out_reads_back_as_the_same_plan() =>
        Gen.Select(Gen.Long[0, long.MaxValue], s_rule.Array[0, 6], (seed, rules) => new FaultPlan { Seed = seed, Rules = [.. rules] })
            .Sample(plan => Assert.Equal(plan, FaultPlan.Parse(plan.ToString())));

    [Fact]
    public void The_documented_example_is_valid()
    {
        FaultPlan plan = FaultPlan.Parse(" seed = 7; link:page=3,at=2; vram: p=0.01, times=5; slow-copy:p=0.1,us=500; lost:at=1000; userfaultfd ;");
        Assert.Equal(7, plan.Seed);
        Assert.Equal(
            [
                new FaultRule(FaultPoint.Link) { Page = 3, At = 2 },
                new FaultRule(FaultPoint.Vram) { Probability = 0.01, Times = 5 },
                new FaultRule(FaultPoint.SlowCopy) { Probability = 0.1, Delay = TimeSpan.FromMicroseconds(500) },
                new FaultRule(FaultPoint.DeviceLost) { At = 1000 },
                new FaultRule(FaultPoint.Userfaultfd),
            ],
            plan.Rules.ToArray());
        Assert.Equal(FaultPlan.None, FaultPlan.Parse(""));
    }

    [Theory]
    [InlineData("vrm:at=1", "'vrm' is no point where faults are injected; iova, link, map, sync, vram, copy, isolate, lost, slow-copy, userfaultfd, thread are.")]
    [InlineData("vram", "'vram' needs either at=K or p=X.")]
    [InlineData("vram:", "'' of 'vram' is not valid; at=K, p=X, times=N, page=K and us=N are.")]
    [InlineData("vram:at=1,p=0.5", "'vram' needs either at=K or p=X.")]
    [InlineData("vram:at=0", "at=0 is not valid; a number from 1 on is.")]
    [InlineData("vram:at=-1", "at=-1 is not valid; a whole number is.")]
    [InlineData("vram:at=99999999999999999999", "at=99999999999999999999 is not valid; a whole number is.")]
    [InlineData("vram:at=1,at=2", "'at' is given twice in 'vram:at=1,at=2'.")]
    [InlineData("vram:p=0", "p=0 is not valid; a number above 0 and at most 1 is, such as 0.01.")]
    [InlineData("vram:p=1.5", "p=1.5 is not valid; a number above 0 and at most 1 is, such as 0.01.")]
    [InlineData("vram:p=NaN", "p=NaN is not valid; a number above 0 and at most 1 is, such as 0.01.")]
    [InlineData("vram:often", "'often' of 'vram' is not valid; at=K, p=X, times=N, page=K and us=N are.")]
    [InlineData("vram:at=1,page=3", "'vram' takes no page=K; 'link' does.")]
    [InlineData("link:at=1,page=512", "page=512 of 'link' is not valid; 0 to 511 is.")]
    [InlineData("copy:at=1,us=5", "'copy' takes no us=N; 'slow-copy' does.")]
    [InlineData("slow-copy:at=1", "'slow-copy' needs us=N, from 1 to 10000000.")]
    [InlineData("slow-copy:at=1,us=10000001", "'slow-copy' needs us=N, from 1 to 10000000.")]
    [InlineData("userfaultfd:at=1", "'userfaultfd' is there or not: it takes no arguments.")]
    [InlineData("seed=x", "seed=x is not valid; a whole number is.")]
    [InlineData("seed=1;seed=2", "'seed=2' is not valid; one seed=N is.")]
    [InlineData("seeds", "'seeds' is not valid; one seed=N is.")]
    public void What_is_not_valid_is_named_with_what_is(string text, string message) =>
        Assert.Equal(message, Assert.Throws<FormatException>(() => FaultPlan.Parse(text)).Message);

    [Fact]
    public void A_rule_that_is_no_point_is_refused() =>
        Assert.Throws<FormatException>(() => new FaultInjector(FaultPlan.None).Add(new FaultRule((FaultPoint)77) { At = 1 }));

    [Fact]
    public void The_kth_occurrence_fails_and_as_many_after_it_as_were_asked_for()
    {
        var injector = new FaultInjector(FaultPlan.Parse("vram:at=3,times=2; vram:at=9"));
        bool[] failures = [.. Enumerable.Range(0, 10).Select(_ => injector.Fails(FaultPoint.Vram))];
        Assert.Equal([false, false, true, true, false, false, false, false, true, false], failures);
        Assert.Equal(3, injector.Injected(FaultPoint.Vram));
        Assert.False(injector.Fails(FaultPoint.Copy));
    }

    [Fact]
    public void A_rule_for_a_page_counts_that_page_only()
    {
        var injector = new FaultInjector(FaultPlan.Parse("link:page=7,at=2"));
        Assert.False(injector.Fails(FaultPoint.Link, page: 7));
        Assert.False(injector.Fails(FaultPoint.Link, page: 6));
        Assert.False(injector.Fails(FaultPoint.Link, page: 8));
        Assert.True(injector.Fails(FaultPoint.Link, page: 7));
    }

    [Fact]
    public void Chance_depends_on_the_seed_alone_and_is_about_what_was_asked_for()
    {
        bool[] first = Draw("seed=5; copy:p=0.25");
        Assert.Equal(first, Draw("seed=5; copy:p=0.25"));
        Assert.NotEqual(first, Draw("seed=6; copy:p=0.25"));
        Assert.InRange(first.Count(failed => failed), 2300, 2700);
        Assert.Equal(7, Draw("seed=5; copy:p=0.25,times=7").Count(failed => failed));
        Assert.All(Draw("copy:p=1"), Assert.True);

        static bool[] Draw(string plan)
        {
            var injector = new FaultInjector(FaultPlan.Parse(plan));
            return [.. Enumerable.Range(0, 10_000).Select(_ => injector.Fails(FaultPoint.Copy))];
        }
    }

    [Fact]
    public void Rules_can_come_and_go_while_the_machine_runs()
    {
        var injector = new FaultInjector(FaultPlan.None);
        Assert.False(injector.Fails(FaultPoint.Isolate));
        injector.Add(new FaultRule(FaultPoint.Isolate) { At = 1 });
        Assert.True(injector.Fails(FaultPoint.Isolate));
        injector.Add(new FaultRule(FaultPoint.Isolate) { Probability = 1 });
        injector.Clear(FaultPoint.Isolate);
        Assert.False(injector.Fails(FaultPoint.Isolate));
        Assert.Equal(1, injector.Injected(FaultPoint.Isolate));
    }
}
