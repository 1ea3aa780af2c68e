using XeSvm.Hosting.Statistics;

namespace XeSvm.Daemon.Devices;

/// <summary>A device that is sampled.</summary>
internal sealed class WatchedDevice(XeDevice device, DeviceFacts facts) : IDisposable
{
    /// <summary>The last counters of each GT and when they were read, for differences.</summary>
    internal Dictionary<int, (SvmCounters Counters, long Timestamp)> Last { get; } = [];

    /// <summary>What each GT did lately.</summary>
    internal Dictionary<int, Sampling.FigureWindow> Windows { get; } = [];

    internal XeDevice Device => device;

    internal DeviceFacts Facts => facts;

    internal string Id => facts.HardwareId;

    public void Dispose() => device.Dispose();
}
