using XeSvm.Simulation.Server;

namespace XeSvm.Simulation.Tests.Server;

/// <summary>When a channel's thread looks for the next call before it sleeps.</summary>
public sealed class LookPolicyTests
{
    [Fact]
    public void Nothing_is_looked_for_before_a_wait_was_short()
    {
        LookPolicy policy = new();
        Assert.False(policy.Looks);
        policy.Slept(wasShort: false);
        Assert.False(policy.Looks);
        policy.Slept(wasShort: true);
        Assert.True(policy.Looks);
    }

    [Fact]
    public void A_long_sleep_ends_the_looking()
    {
        LookPolicy policy = new();
        policy.Slept(wasShort: true);
        policy.Found();
        Assert.True(policy.Looks);
        policy.FoundNothing();
        policy.Slept(wasShort: false);
        Assert.False(policy.Looks);
    }

    [Fact]
    public void Each_look_in_vain_must_be_earned_back_by_twice_as_many_short_waits_up_to_a_limit()
    {
        LookPolicy policy = new();
        for (int needed = 1; needed <= 4 * LookPolicy.MostNeeded; needed *= 2)
        {
            Assert.Equal(Math.Min(needed, LookPolicy.MostNeeded), ShortWaitsBeforeLooking(ref policy));
            policy.FoundNothing();
        }
    }

    [Fact]
    public void A_look_that_finds_something_makes_the_next_cheaper()
    {
        LookPolicy policy = new();
        policy.Slept(wasShort: true);
        policy.FoundNothing();
        policy.FoundNothing();
        Assert.Equal(4, ShortWaitsBeforeLooking(ref policy));
        policy.Found();
        policy.Slept(wasShort: false);
        Assert.Equal(2, ShortWaitsBeforeLooking(ref policy));
    }

    private static int ShortWaitsBeforeLooking(ref LookPolicy policy)
    {
        int waits = 0;
        while (!policy.Looks)
        {
            policy.Slept(wasShort: true);
            waits++;
        }

        return waits;
    }
}
