using System.Diagnostics;
using System.Globalization;

namespace XeSvm.Measurement;

/// <summary>Looks how much of a processor other work takes: a thread that reads the clock without end sees each pause that it is put to.</summary>
internal static class NoiseCheck
{
    /// <summary>Shorter pauses than this are the clock's own cost and the timer's tick.</summary>
    private const double ShortestPauseUs = 5;

    private const double MostLostShare = 0.01;
    private const double MostLoadPerProcessor = 0.5;
    private const double MicrosecondsPerSecond = 1e6;

    /// <summary>How long the check takes.</summary>
    internal static TimeSpan UsualDuration { get; } = TimeSpan.FromMilliseconds(40);

    /// <summary>Checks the machine.</summary>
    internal static RunNoise Run(TimeSpan duration, MachinePaths paths)
    {
        long start = Stopwatch.GetTimestamp();
        long last = start;
        double lost = 0;
        double longest = 0;
        while (Stopwatch.GetElapsedTime(start) < duration)
        {
            long now = Stopwatch.GetTimestamp();
            double pause = (now - last) * MicrosecondsPerSecond / Stopwatch.Frequency;
            last = now;
            lost += pause > ShortestPauseUs ? pause : 0;
            longest = Math.Max(longest, pause);
        }

        double share = Math.Min(1, lost / Stopwatch.GetElapsedTime(start, last).TotalMicroseconds);
        double? load = LoadAverage(paths);
        return new RunNoise(
            Math.Round((decimal)share, 6),
            Math.Round((decimal)longest, 2),
            load is null ? null : Math.Round((decimal)load, 2),
            share <= MostLostShare && (load ?? 0) <= MostLoadPerProcessor * Environment.ProcessorCount);
    }

    private static double? LoadAverage(MachinePaths paths) =>
        double.TryParse(
            MachinePaths.FirstLine(Path.Combine(paths.Procfs, "loadavg"))?.Split(' ')[0],
            NumberStyles.Float,
            CultureInfo.InvariantCulture,
            out double load) && double.IsFinite(load) ? load : null;
}
