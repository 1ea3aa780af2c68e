using Microsoft.Extensions.Logging;

namespace XeSvm.Hosting;

/// <summary>What the host integration logs.</summary>
internal static partial class HostingLog
{
    [LoggerMessage(EventId = 1, EventName = "BackendTaken", Level = LogLevel.Information, Message = "{Backend} backend, {Node}: {Reason}")]
    internal static partial void BackendTaken(ILogger logger, string backend, string node, string reason);

    [LoggerMessage(EventId = 2, EventName = "DeviceOpened", Level = LogLevel.Information, Message = "Opened {Node} ({BusAddress}), {Gts} GTs, {Vram} bytes of VRAM")]
    internal static partial void DeviceOpened(ILogger logger, string node, string busAddress, int gts, ulong vram);

    [LoggerMessage(EventId = 3, EventName = "StatisticsUnavailable", Level = LogLevel.Warning, Message = "No statistics of {Node} gt{Gt}: {Reason}")]
    internal static partial void StatisticsUnavailable(ILogger logger, string node, int gt, string reason);
}
