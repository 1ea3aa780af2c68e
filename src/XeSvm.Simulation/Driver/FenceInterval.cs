using XeSvm.Simulation.Gpu;

namespace XeSvm.Simulation.Driver;

/// <summary>The GPU addresses of one range fence (struct xe_range_fence).</summary>
/// <param name="Start">The first address.</param>
/// <param name="End">The first address beyond.</param>
internal record struct FenceInterval(ulong Start, ulong End)
{
    /// <summary>The interval that overlaps none.</summary>
    public static FenceInterval Empty => new(ulong.MaxValue, 0);

    /// <summary>Takes a range in, widened to whole entries of a table.</summary>
    /// <param name="start">The first address.</param>
    /// <param name="end">The first address beyond.</param>
    /// <param name="level">The table's level, 0 for the lowest.</param>
    public void Add(ulong start, ulong end, int level)
    {
        ulong mask = GpuPageTable.EntrySpan(level) - 1;
        Start = Math.Min(Start, start & ~mask);
        End = Math.Max(End, (end + mask) & ~mask);
    }

    /// <summary>Whether an address is in both.</summary>
    public readonly bool Overlaps(in FenceInterval other) => Start < other.End && other.Start < End;
}
