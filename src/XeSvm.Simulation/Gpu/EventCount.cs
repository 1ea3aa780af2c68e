using System.Diagnostics;

namespace XeSvm.Simulation.Gpu;

/// <summary>
/// An event count: waiters note the generation, check their condition, and wait for the generation to change, so that no wake-up is lost.
/// A wake costs one interlocked operation while nobody waits. Allocates nothing.
/// </summary>
internal class EventCount
{
    /// <summary>A deadline that never comes.</summary>
    public const long Infinite = long.MaxValue;

    // Waking a blocked thread takes tens of microseconds. Where another processor can make progress meanwhile, it is worth to spin for about
    // that long first: two threads that take turns would otherwise each give up just before the other is awake. Where the last wait would have
    // ended soon after, the next spins longer. The spin gives the processor away early to whoever wants it.
    private const int SpinMicroseconds = 50;
    private const int LongestSpinMicroseconds = 400;
    private const int BusySpinMicroseconds = 2;
    private static readonly long s_spinTicks = Environment.ProcessorCount > 1 ? Ticks(SpinMicroseconds) : 0;
    private static readonly long s_longestSpinTicks = Environment.ProcessorCount > 1 ? Ticks(LongestSpinMicroseconds) : 0;
    private static readonly long s_busySpinTicks = Ticks(BusySpinMicroseconds);

    private readonly object _lock = new();
    private long _generation;
    private int _waiters;
    private long _spinTicks = s_spinTicks;

    /// <summary>Counts wake-ups. Take it before checking the condition that is waited for.</summary>
    public long Generation => Volatile.Read(ref _generation);

    /// <summary>Releases every waiter.</summary>
    public void Wake()
    {
        // Full fence: either a waiter sees the new generation, or it is seen here.
        Interlocked.Increment(ref _generation);
        if (Volatile.Read(ref _waiters) != 0)
        {
            lock (_lock)
            {
                Monitor.PulseAll(_lock);
            }
        }
    }

    /// <summary>Blocks until the generation is another one: true, or the deadline has passed: false.</summary>
    /// <param name="generation">The generation that the caller has seen.</param>
    /// <param name="deadline">A <see cref="Stopwatch"/> time stamp, or <see cref="Infinite"/>.</param>
    public bool Wait(long generation, long deadline)
    {
        long start = Stopwatch.GetTimestamp();
        if (Spin(generation, deadline, start))
        {
            return true;
        }

        lock (_lock)
        {
            Interlocked.Increment(ref _waiters);
            while (Generation == generation)
            {
                int milliseconds = Remaining(deadline);
                if (milliseconds == 0)
                {
                    break;
                }

                Monitor.Wait(_lock, milliseconds);
            }

            Interlocked.Decrement(ref _waiters);
        }

        long waited = Stopwatch.GetTimestamp() - start;
        Volatile.Write(ref _spinTicks, waited < s_longestSpinTicks ? Math.Max(waited, s_spinTicks) : s_spinTicks);
        return Generation != generation;
    }

    private static long Ticks(int microseconds) => Stopwatch.Frequency * microseconds / 1_000_000;

    private bool Spin(long generation, long deadline, long now)
    {
        long busyEnd = now + s_busySpinTicks;
        long end = Math.Min(deadline, now + Volatile.Read(ref _spinTicks));
        while (Generation == generation)
        {
            if (now >= end)
            {
                return false;
            }

            if (now < busyEnd)
            {
                Thread.SpinWait(iterations: 10);
            }
            else
            {
                Thread.Yield();
            }

            now = Stopwatch.GetTimestamp();
        }

        return true;
    }

    /// <summary>Whole milliseconds to the deadline, rounded up; -1 for ever.</summary>
    private static int Remaining(long deadline)
    {
        if (deadline == Infinite)
        {
            return Timeout.Infinite;
        }

        long now = Stopwatch.GetTimestamp();
        if (deadline <= now)
        {
            // Compared before it is subtracted: a deadline may be as far in the past as there are numbers.
            return 0;
        }

        long perMillisecond = Stopwatch.Frequency / 1000;
        return (int)Math.Min(((deadline - now) / perMillisecond) + 1, int.MaxValue);
    }
}
