using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using XeSvm.Statistics;

namespace XeSvm.Hosting.Statistics;

/// <summary>Reads the opened devices when asked, and keeps the answer for as long as the options say.</summary>
internal sealed class DeviceStatisticsSource : IXeStatisticsSource
{
    private readonly Lock _lock = new();
    private readonly Dictionary<XeDevice, DeviceFacts> _facts = [];
    private readonly HashSet<(string Node, int Gt, string Reason)> _told = [];
    private readonly XeDeviceRegistry _registry;
    private readonly TimeProvider _time;
    private readonly TimeSpan _maximumAge;
    private readonly ILogger<DeviceStatisticsSource> _logger;
    private IReadOnlyList<XeDeviceReading> _last = [];
    private long _readAt;
    private bool _read;

    public DeviceStatisticsSource(
        XeDeviceRegistry registry, TimeProvider time, IOptions<XeSvmOptions> options, ILogger<DeviceStatisticsSource> logger)
    {
        _registry = registry;
        _time = time;
        _maximumAge = options.Value.StatisticsMaximumAge;
        _logger = logger;
    }

    /// <inheritdoc/>
    public IReadOnlyList<XeDeviceReading> Read()
    {
        lock (_lock)
        {
            if (!_read || _time.GetElapsedTime(_readAt) >= _maximumAge)
            {
                _last = [.. _registry.Devices.Select(Read).OfType<XeDeviceReading>()];
                _readAt = _time.GetTimestamp();
                _read = true;
            }

            return _last;
        }
    }

    private XeDeviceReading? Read(XeDevice device)
    {
        try
        {
            if (!_facts.TryGetValue(device, out DeviceFacts? facts))
            {
                _facts[device] = facts = DeviceFacts.Of(device);
            }

            List<XeGtReading> gts = [];
            foreach (XeGt gt in device.Gts)
            {
                if (device.TryReadGtStatistics(gt.Id, out GtStatistics? statistics, out string? reason))
                {
                    gts.Add(new XeGtReading(gt.Id, SvmCounters.From(statistics)));
                }
                else
                {
                    TellOnce(device, gt.Id, reason);
                }
            }

            return facts.With(gts, device.QueryMemoryRegions());
        }
        catch (Exception exception) when (exception is XeException or CounterTextException or ObjectDisposedException)
        {
            // A lost or disposed device has no series; the health check says why.
            TellOnce(device, 0, exception.Message);
            return null;
        }
    }

    private void TellOnce(XeDevice device, int gt, string reason)
    {
        if (_told.Add((device.Node.Path, gt, reason)))
        {
            HostingLog.StatisticsUnavailable(_logger, device.Node.Path, gt, reason);
        }
    }
}
