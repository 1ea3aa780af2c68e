using System.Diagnostics;

namespace XeSvm.Simulation.Gpu;

/// <summary>The time base of the engines' time stamps: the host's monotonic clock in ticks of the reference clock.</summary>
internal static class GpuClock
{
    /// <summary>Ticks per second (reference_clock of DRM_XE_DEVICE_QUERY_GT_LIST).</summary>
    public const ulong Frequency = 19_200_000;

    /// <summary>Now, in ticks.</summary>
    public static ulong Ticks => (ulong)((UInt128)(ulong)Stopwatch.GetTimestamp() * Frequency / (ulong)Stopwatch.Frequency);
}
