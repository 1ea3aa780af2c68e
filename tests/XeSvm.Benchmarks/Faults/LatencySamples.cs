using System.Diagnostics;

namespace XeSvm.Benchmarks.Faults;

/// <summary>
/// The times of single operations, the latest ones. Their median is what the operation takes also where other processes interrupt some of
/// them, which a mean over an iteration is not.
/// </summary>
internal sealed class LatencySamples
{
    private const int Capacity = 1 << 13;

    private readonly long[] _ticks = new long[Capacity];
    private long _begin;
    private long _count;

    /// <summary>An operation begins.</summary>
    public void Begin() => _begin = Stopwatch.GetTimestamp();

    /// <summary>It has ended.</summary>
    public void End() => _ticks[_count++ % Capacity] = Stopwatch.GetTimestamp() - _begin;

    /// <summary>The median in microseconds; NaN without any sample.</summary>
    public double Median()
    {
        long[] sorted = _ticks[..(int)Math.Min(_count, Capacity)];
        Array.Sort(sorted);
        return sorted.Length == 0 ? double.NaN : sorted[sorted.Length / 2] * 1e6 / Stopwatch.Frequency;
    }
}
