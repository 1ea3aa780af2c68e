using System.Diagnostics;
using System.Runtime;

namespace XeSvm.Benchmarks.Reporting;

/// <summary>
/// Runs an operation until the runtime has compiled its hot methods for good. It does so twice, on a thread of its own, each time 100 ms
/// after the last method that was new (tiered compilation): longer than warm-up iterations of some milliseconds take.
/// </summary>
internal static class WarmUp
{
    private static readonly TimeSpan s_quiet = TimeSpan.FromMilliseconds(300);
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(5);

    /// <summary>Runs the operation until no method has been compiled for some time.</summary>
    public static void Run(Action operation)
    {
        long begin = Stopwatch.GetTimestamp();
        long lastCompilation = begin;
        long compiled = JitInfo.GetCompiledMethodCount();
        while (Stopwatch.GetElapsedTime(lastCompilation) < s_quiet && Stopwatch.GetElapsedTime(begin) < s_limit)
        {
            operation();
            long now = JitInfo.GetCompiledMethodCount();
            if (now != compiled)
            {
                compiled = now;
                lastCompilation = Stopwatch.GetTimestamp();
            }
        }
    }
}
