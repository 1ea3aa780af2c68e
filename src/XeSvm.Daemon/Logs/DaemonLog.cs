using Microsoft.Extensions.Logging;

namespace XeSvm.Daemon.Logs;

/// <summary>What the daemon logs.</summary>
internal static partial class DaemonLog
{
    [LoggerMessage(EventId = 100, EventName = "Starting", Level = LogLevel.Information, Message = "xesvmd {Version}, backend wanted: {Backend}, serving at {Addresses}")]
    internal static partial void Starting(ILogger logger, string version, BackendChoice backend, string addresses);

    [LoggerMessage(EventId = 101, EventName = "BackendTaken", Level = LogLevel.Information, Message = "{Backend} backend with {Devices} device(s): {Reason}")]
    internal static partial void BackendTaken(ILogger logger, string backend, int devices, string reason);

    [LoggerMessage(EventId = 102, EventName = "DeviceFound", Level = LogLevel.Information, Message = "Watching {Device} ({Node}): DMA mapping {Strategy}, IOMMU {Iommu}")]
    internal static partial void DeviceFound(ILogger logger, string device, string node, string strategy, string iommu);

    [LoggerMessage(EventId = 103, EventName = "DeviceLost", Level = LogLevel.Error, Message = "{Device} is lost: {Reason}")]
    internal static partial void DeviceLost(ILogger logger, string device, string reason);

    [LoggerMessage(EventId = 104, EventName = "ServingPrograms", Level = LogLevel.Information, Message = "Programs reach the software devices at XESVM_SERVER={Socket}")]
    internal static partial void ServingPrograms(ILogger logger, string socket);

    [LoggerMessage(EventId = 110, EventName = "FaultBegan", Level = LogLevel.Warning, Message = "{Subject}: {Reason}")]
    internal static partial void FaultBegan(ILogger logger, string subject, string reason);

    [LoggerMessage(EventId = 111, EventName = "FaultEnded", Level = LogLevel.Information, Message = "{Subject}: works again after {Count} failure(s), last: {Reason}")]
    internal static partial void FaultEnded(ILogger logger, string subject, long count, string reason);

    [LoggerMessage(EventId = 120, EventName = "ProbeDone", Level = LogLevel.Debug, Message = "Probe of {Device} {Size}: {Cpu:0.##} us of CPU time per migration, noise {Noise:0.##} us ({Face})")]
    internal static partial void ProbeDone(ILogger logger, string device, string size, double cpu, double noise, string face);

    [LoggerMessage(EventId = 121, EventName = "BaselineSet", Level = LogLevel.Information, Message = "Baseline of {Device} {Size} ({Face}): {Cpu:0.##} us, noise {Noise:0.##} us; {Context}")]
    internal static partial void BaselineSet(ILogger logger, string device, string size, string face, double cpu, double noise, string context);

    [LoggerMessage(EventId = 122, EventName = "AlarmRaised", Level = LogLevel.Error, Message = "ALARM {Text}")]
    internal static partial void AlarmRaised(ILogger logger, string text);

    [LoggerMessage(EventId = 123, EventName = "AlarmCleared", Level = LogLevel.Information, Message = "Alarm over: {Text}")]
    internal static partial void AlarmCleared(ILogger logger, string text);

    [LoggerMessage(EventId = 130, EventName = "Reloaded", Level = LogLevel.Information, Message = "Configuration read again; changed: {Keys}")]
    internal static partial void Reloaded(ILogger logger, string keys);

    [LoggerMessage(EventId = 131, EventName = "ReloadRefused", Level = LogLevel.Error, Message = "Configuration not taken over, the old one stays in force: {Errors}")]
    internal static partial void ReloadRefused(ILogger logger, string errors);

    [LoggerMessage(EventId = 140, EventName = "HistorySetAside", Level = LogLevel.Error, Message = "{Path} cannot be used ({Reason}); set aside as {Aside}, a new one is begun")]
    internal static partial void HistorySetAside(ILogger logger, string path, string reason, string aside);

    [LoggerMessage(EventId = 150, EventName = "SamplingStopped", Level = LogLevel.Critical, Message = "No sample for {Age}: the watchdog is not fed any more")]
    internal static partial void SamplingStopped(ILogger logger, TimeSpan age);

    [LoggerMessage(EventId = 151, EventName = "Stopping", Level = LogLevel.Information, Message = "Stopping")]
    internal static partial void Stopping(ILogger logger);
}
