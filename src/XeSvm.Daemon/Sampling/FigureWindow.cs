using XeSvm.Hosting.Statistics;

namespace XeSvm.Daemon.Sampling;

/// <summary>The samples of the last minute, added up. The minute is that of the samples' lengths: their times may be those of a clock that was set.</summary>
internal sealed class FigureWindow
{
    /// <summary>How far back the window reaches.</summary>
    internal static readonly TimeSpan Length = TimeSpan.FromMinutes(1);

    private readonly Queue<GtSample> _samples = [];
    private long _microseconds;

    /// <summary>Takes a sample in, and lets go what is older than the window.</summary>
    internal void Add(GtSample sample)
    {
        _samples.Enqueue(sample);
        _microseconds += Microseconds(sample);
        while (_microseconds - Microseconds(_samples.Peek()) >= (long)Length.TotalMicroseconds)
        {
            _microseconds -= Microseconds(_samples.Dequeue());
        }
    }

    private static long Microseconds(GtSample sample) => (long)Math.Round(sample.Seconds * 1e6);

    /// <summary>The window's figures.</summary>
    internal WindowFigures Sum()
    {
        SizeFigures[] sizes = new SizeFigures[SvmCounters.Sizes.Count];
        double seconds = 0;
        long toDevice = 0;
        long toSystem = 0;
        foreach (GtSample sample in _samples)
        {
            seconds += sample.Seconds;
            toDevice += sample.ToDeviceKilobytes;
            toSystem += sample.ToSystemKilobytes;
            for (int index = 0; index < sizes.Length; index++)
            {
                sizes[index] += sample.Sizes[index];
            }
        }

        return new WindowFigures(seconds, sizes, toDevice, toSystem);
    }
}

/// <summary>Figures over a stretch of time.</summary>
/// <param name="Seconds">How long it was.</param>
/// <param name="Sizes">The figures of each size.</param>
/// <param name="ToDeviceKilobytes">KiB copied to the device.</param>
/// <param name="ToSystemKilobytes">KiB copied to system memory.</param>
internal sealed record WindowFigures(double Seconds, IReadOnlyList<SizeFigures> Sizes, long ToDeviceKilobytes, long ToSystemKilobytes);
