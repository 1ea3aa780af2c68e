using System.Diagnostics;
using System.Numerics;

namespace XeSvm.Benchmarks.Faults;

/// <summary>
/// The times of single operations, the latest ones, and what rounds of them allocate. The median of the times is what the operation takes also where other processes interrupt some of
/// them, which a mean over a round is not.
/// </summary>
internal sealed class LatencySamples
{
    private const int Capacity = 1 << 13;

    private readonly long[] _ticks = new long[Capacity];
    private readonly double[] _allocated = new double[Capacity];
    private long _begin;
    private long _count;
    private long _allocatedBefore;
    private long _rounds;

    /// <summary>A round of operations begins.</summary>
    public void BeginRound() => _allocatedBefore = GC.GetTotalAllocatedBytes(precise: true);

    /// <summary>It has ended, after so many operations.</summary>
    public void EndRound(int operations) =>
        _allocated[_rounds++ % Capacity] = (double)(GC.GetTotalAllocatedBytes(precise: true) - _allocatedBefore) / operations;

    /// <summary>An operation begins.</summary>
    public void Begin() => _begin = Stopwatch.GetTimestamp();

    /// <summary>It has ended.</summary>
    public void End() => _ticks[_count++ % Capacity] = Stopwatch.GetTimestamp() - _begin;

    /// <summary>The median time in microseconds; NaN without any operation.</summary>
    public double MedianTime() => Median(_ticks, _count) * 1e6 / Stopwatch.Frequency;

    /// <summary>
    /// Bytes that all threads of the process together allocated on the GC heap per operation, median of the rounds. Some rounds have a few
    /// kilobytes more: when a thread's allocation context is retired, its unused rest counts as allocated.
    /// </summary>
    public double MedianAllocated() => Median(_allocated, _rounds);

    private static double Median<T>(T[] ring, long count)
        where T : INumber<T>
    {
        T[] sorted = ring[..(int)Math.Min(count, Capacity)];
        Array.Sort(sorted);
        return sorted.Length == 0 ? double.NaN : double.CreateChecked(sorted[sorted.Length / 2]);
    }
}
