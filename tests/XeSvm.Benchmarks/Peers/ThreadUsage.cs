using System.Globalization;
using XeSvm.Interop.Native;

namespace XeSvm.Benchmarks.Peers;

/// <summary>What a thread has used: processor time, and how often it went to sleep to wait for something, as the kernel counts both.</summary>
/// <param name="ProcessorTime">Nanoseconds on a processor.</param>
/// <param name="Sleeps">Voluntary context switches: waits for a lock that did not come free while it was spun for, managed or native.</param>
internal readonly record struct ThreadUsage(long ProcessorTime, long Sleeps)
{
    private const string Status = "/proc/thread-self/status";
    private const string Voluntary = "voluntary_ctxt_switches:";

    /// <summary>Of this thread, so far.</summary>
    public static ThreadUsage Now()
    {
        string line = File.ReadLines(Status).First(line => line.StartsWith(Voluntary, StringComparison.Ordinal));
        return new ThreadUsage(NativeMethods.xesvm_clock_thread_cpu_ns(), long.Parse(line.AsSpan(Voluntary.Length).Trim(), CultureInfo.InvariantCulture));
    }

    /// <summary>What was used between two moments.</summary>
    public static ThreadUsage operator -(ThreadUsage later, ThreadUsage earlier) =>
        new(later.ProcessorTime - earlier.ProcessorTime, later.Sleeps - earlier.Sleeps);
}
