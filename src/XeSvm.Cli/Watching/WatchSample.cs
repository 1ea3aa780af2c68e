using System.Diagnostics;
using XeSvm.Statistics;

namespace XeSvm.Cli.Watching;

/// <summary>The statistics of a device's GTs at one moment.</summary>
internal sealed class WatchSample
{
    private WatchSample(long timestamp, IReadOnlyDictionary<int, GtStatistics> gts, IReadOnlyDictionary<int, string> unreadable)
    {
        Timestamp = timestamp;
        Gts = gts;
        Unreadable = unreadable;
    }

    /// <summary>When it was taken; of <see cref="Stopwatch"/>.</summary>
    internal long Timestamp { get; }

    /// <summary>The statistics that could be read, by the GT's number.</summary>
    internal IReadOnlyDictionary<int, GtStatistics> Gts { get; }

    /// <summary>Why others could not.</summary>
    internal IReadOnlyDictionary<int, string> Unreadable { get; }

    /// <summary>Reads them.</summary>
    internal static WatchSample Take(XeDevice device)
    {
        Dictionary<int, GtStatistics> gts = [];
        Dictionary<int, string> unreadable = [];
        foreach (XeGt gt in device.Gts)
        {
            if (device.TryReadGtStatistics(gt.Id, out GtStatistics? statistics, out string? reason))
            {
                gts.Add(gt.Id, statistics);
            }
            else
            {
                unreadable.Add(gt.Id, reason);
            }
        }

        return Of(Stopwatch.GetTimestamp(), gts, unreadable);
    }

    /// <summary>A sample of given statistics.</summary>
    internal static WatchSample Of(long timestamp, IReadOnlyDictionary<int, GtStatistics> gts, IReadOnlyDictionary<int, string> unreadable) =>
        new(timestamp, gts, unreadable);
}
