using System.Diagnostics;

namespace XeSvm.Benchmarks.Reporting;

/// <summary>
/// The times of single operations, the latest ones, and what rounds of them allocate. The median of the times is what the operation takes,
/// also where other processes interrupt some of them, which a mean over a round is not.
/// </summary>
internal sealed class LatencySamples
{
    private const int Capacity = 1 << 13;

    private readonly long[] _ticks = new long[Capacity];
    private long _begin;
    private long _count;
    private long _allocatedBefore;

    /// <summary>
    /// Bytes on the GC heap per operation in the round that allocated least, as <see cref="AllocationProbe"/> has it; NaN without any round. A
    /// collection must go ahead of each round, as BenchmarkDotNet has it.
    /// </summary>
    public double LeastAllocated { get; private set; } = double.NaN;

    /// <summary>A round of operations begins.</summary>
    public void BeginRound() => _allocatedBefore = GC.GetTotalAllocatedBytes();

    /// <summary>It has ended, after so many operations.</summary>
    public void EndRound(int operations) =>
        LeastAllocated = double.MinNumber(LeastAllocated, (double)(GC.GetTotalAllocatedBytes() - _allocatedBefore) / operations);

    /// <summary>An operation begins.</summary>
    public void Begin() => _begin = Stopwatch.GetTimestamp();

    /// <summary>It has ended.</summary>
    public void End() => _ticks[_count++ % Capacity] = Stopwatch.GetTimestamp() - _begin;

    /// <summary>The median time in microseconds.</summary>
    /// <exception cref="InvalidOperationException">There was no operation.</exception>
    public double MedianTime() => Quantile(0.5);

    /// <summary>The time in microseconds that 99 of 100 operations do not exceed.</summary>
    /// <exception cref="InvalidOperationException">There was no operation.</exception>
    public double NinetyNinthPercentile() => Quantile(0.99);

    /// <summary>The best time in microseconds.</summary>
    /// <exception cref="InvalidOperationException">There was no operation.</exception>
    public double BestTime() => Latest().Min() * 1e6 / Stopwatch.Frequency;

    private double Quantile(double share)
    {
        long[] sorted = Latest();
        Array.Sort(sorted);
        return sorted[(int)(sorted.Length * share)] * 1e6 / Stopwatch.Frequency;
    }

    private long[] Latest() => _count > 0
        ? _ticks[..(int)Math.Min(_count, Capacity)]
        : throw new InvalidOperationException("Nothing was measured.");
}
