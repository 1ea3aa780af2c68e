using System.Diagnostics;
using XeSvm.Simulation.Gpu;
using XeSvm.Simulation.Tests.Gpu.Support;

namespace XeSvm.Simulation.Tests.Gpu;

[Collection(ConcurrencyCollection.Name)]
public sealed class EventCountTests
{
    [Fact]
    public void A_wake_between_the_check_and_the_wait_is_not_lost()
    {
        var events = new UserFenceWaiters();
        long generation = events.Generation;
        events.Wake();
        Assert.True(events.Wait(generation, EventCount.Infinite));
    }

    [Fact]
    public void A_wait_ends_at_its_deadline_and_not_before()
    {
        var events = new EventCount();
        long start = Stopwatch.GetTimestamp();
        Assert.False(events.Wait(events.Generation, start + (Stopwatch.Frequency / 50)));
        Assert.True(Stopwatch.GetElapsedTime(start) >= TimeSpan.FromMilliseconds(20));
    }

    [Fact]
    public void A_deadline_in_the_past_only_looks()
    {
        var events = new EventCount();
        Assert.False(events.Wait(events.Generation, 0));
        Assert.True(events.Wait(events.Generation - 1, 0));
    }

    [Fact]
    public void A_wake_releases_every_blocked_waiter()
    {
        var events = new EventCount();
        long generation = events.Generation;
        int blocked = 0;
        Thread[] threads = [.. Enumerable.Range(0, 4).Select(_ => new Thread(() =>
        {
            Interlocked.Increment(ref blocked);
            events.Wait(generation, EventCount.Infinite);
        }))];
        Array.ForEach(threads, thread => thread.Start());
        SpinWait.SpinUntil(() => blocked == 4 && threads.All(thread => (thread.ThreadState & System.Threading.ThreadState.WaitSleepJoin) != 0));
        events.Wake();
        Array.ForEach(threads, thread => thread.Join());
    }

    /// <summary>Two threads hand a number back and forth; a single lost wake-up would hang them.</summary>
    [Fact]
    public void Ping_pong_loses_no_wake_up()
    {
        const int rounds = 20_000;
        var events = new EventCount();
        int turn = 0;
        void Play(int parity)
        {
            while (true)
            {
                long generation = events.Generation;
                int now = Volatile.Read(ref turn);
                if (now >= rounds)
                {
                    return;
                }

                if (now % 2 == parity)
                {
                    Volatile.Write(ref turn, now + 1);
                    events.Wake();
                }
                else
                {
                    Assert.True(events.Wait(generation, EventCount.Infinite));
                }
            }
        }

        var other = new Thread(() => Play(1));
        other.Start();
        Play(0);
        other.Join();
        Assert.Equal(rounds, turn);
    }

    [Fact]
    public void Waking_and_waiting_allocate_nothing()
    {
        var events = new EventCount();
        Allocations.AssertNone(() =>
        {
            events.Wait(events.Generation, Stopwatch.GetTimestamp());
            events.Wake();
        });
    }
}
