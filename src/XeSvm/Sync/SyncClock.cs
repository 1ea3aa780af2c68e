using XeSvm.Interop.Native;

namespace XeSvm;

/// <summary>Timeouts as the driver takes them.</summary>
internal static class SyncClock
{
    private const long NanosecondsPerTick = 100;

    /// <summary>A time span in nanoseconds: the longest there is for what exceeds them, and for ever.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The time span is negative and not <see cref="Timeout.InfiniteTimeSpan"/>.</exception>
    internal static long Nanoseconds(TimeSpan timeout)
    {
        if (timeout == Timeout.InfiniteTimeSpan)
        {
            return long.MaxValue;
        }

        ArgumentOutOfRangeException.ThrowIfLessThan(timeout, TimeSpan.Zero);
        return timeout.Ticks > long.MaxValue / NanosecondsPerTick ? long.MaxValue : timeout.Ticks * NanosecondsPerTick;
    }

    /// <summary>The point on CLOCK_MONOTONIC at which a timeout that begins now is over; 0 for a mere look, as the driver reads it.</summary>
    internal static long Deadline(TimeSpan timeout)
    {
        long nanoseconds = Nanoseconds(timeout);
        if (nanoseconds == 0)
        {
            return 0;
        }

        long now = NativeMethods.xesvm_clock_monotonic_ns();
        return nanoseconds > long.MaxValue - now ? long.MaxValue : now + nanoseconds;
    }

    /// <summary>What is left until a deadline, in nanoseconds; 0 when it has passed.</summary>
    internal static long Remaining(long deadline) =>
        deadline == long.MaxValue ? long.MaxValue : Math.Max(0, deadline - NativeMethods.xesvm_clock_monotonic_ns());
}
