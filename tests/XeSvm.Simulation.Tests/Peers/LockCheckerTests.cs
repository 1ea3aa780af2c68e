using XeSvm.Simulation.Peers.Locks;
using XeSvm.Simulation.Peers.Machine;
using Xunit;

namespace XeSvm.Simulation.Tests.Peers;

/// <summary>That the checker of lock order fires, and does not.</summary>
public sealed class LockCheckerTests : IDisposable
{
    private readonly LockChecker _locks = new();

    public void Dispose() => _locks.Dispose();

    [Fact]
    public void Locks_in_the_documented_order_are_silent()
    {
        using (new CheckedLock(_locks, LockClass.AddressSpace, "space").Take())
        using (new CheckedLock(_locks, LockClass.Pages, "pages").Take())
        using (ValidationScope.Enter(_locks))
        using (new CheckedLock(_locks, LockClass.Reservation, "one").Take())
        using (new CheckedLock(_locks, LockClass.Reservation, "other").Take())
        using (new CheckedLock(_locks, LockClass.Notifier, "notifier").Take())
        {
            Assert.True(_locks.Holds(LockClass.Notifier));
        }

        Assert.False(_locks.Holds(LockClass.Pages));
        Assert.Empty(_locks.Violations);
    }

    [Fact]
    public void A_lock_taken_inside_one_that_nests_in_it_is_refused_and_reported()
    {
        using (new CheckedLock(_locks, LockClass.Notifier, "notifier").Take())
        {
            CheckedLock pages = new(_locks, LockClass.Pages, "pages");
            Assert.Throws<LockRecursionException>(pages.Enter);
            Assert.True(pages.TryEnter(), "whoever only tries cannot deadlock");
            pages.Exit();
        }

        LockViolation violation = Assert.Single(_locks.Violations);
        Assert.Equal(LockClass.Notifier, violation.Held);
    }

    [Fact]
    public void Violations_without_end_are_counted_and_only_the_first_are_kept()
    {
        using (new CheckedLock(_locks, LockClass.Notifier, "notifier").Take())
        {
            for (int i = 0; i < LockChecker.MostKept + 10; i++)
            {
                Assert.False(_locks.Allows(LockedOperation.IovaAlloc));
            }
        }

        Assert.Equal((LockChecker.MostKept, LockChecker.MostKept + 10L), (_locks.Violations.Count, _locks.ViolationCount));
    }

    [Fact]
    public void Two_reservations_need_one_transaction()
    {
        using (new CheckedLock(_locks, LockClass.Reservation, "one").Take())
        {
            Assert.Throws<LockRecursionException>(new CheckedLock(_locks, LockClass.Reservation, "other").Enter);
        }

        Assert.Single(_locks.Violations);
    }

    [Fact]
    public void A_lock_is_not_taken_twice()
    {
        CheckedLock one = new(_locks, LockClass.Reservation, "one");
        using (ValidationScope.Enter(_locks))
        using (one.Take())
        {
            Assert.Throws<LockRecursionException>(one.Enter);
            Assert.False(one.TryEnter());
        }

        Assert.Throws<SynchronizationLockException>(one.Exit);
    }

    [Fact]
    public void What_one_thread_holds_is_nothing_to_another()
    {
        using (new CheckedLock(_locks, LockClass.Notifier, "notifier").Take())
        {
            Thread other = new(() =>
            {
                using (new CheckedLock(_locks, LockClass.Pages, "pages").Take())
                {
                }
            });
            other.Start();
            other.Join();
        }

        Assert.Empty(_locks.Violations);
    }

    [Theory]
    [InlineData(LockClass.Notifier)]
    [InlineData(LockClass.Reservation)]
    [InlineData(LockClass.Reclaim)]
    internal void Allocation_of_addresses_is_reported_in_a_context_that_forbids_it_although_it_takes_no_lock(LockClass held)
    {
        using (new CheckedLock(_locks, held, "held").Take())
        {
            Assert.False(_locks.Allows(LockedOperation.IovaAlloc));
            Assert.False(_locks.Allows(LockedOperation.IovaFree));
            Assert.True(_locks.Allows(LockedOperation.IovaLink));
            Assert.True(_locks.Allows(LockedOperation.IovaSync));
            Assert.True(_locks.Allows(LockedOperation.IovaUnlink));
        }

        Assert.Equal(2, _locks.Violations.Count);
    }

    [Theory]
    [InlineData(LockClass.AddressSpace)]
    [InlineData(LockClass.Pages)]
    [InlineData(LockClass.Validation)]
    internal void Allocation_of_addresses_is_silent_below_outer_locks(LockClass held)
    {
        using (new CheckedLock(_locks, held, "held").Take())
        {
            Assert.True(_locks.Allows(LockedOperation.IovaAlloc));
        }

        Assert.Empty(_locks.Violations);
    }
}
