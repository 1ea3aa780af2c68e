using XeSvm.Simulation;
using XeSvm.Simulation.Server;

namespace XeSvm.Daemon.Settings;

/// <summary>Everything that can be configured. Immutable: a reload makes another one, whole or not at all.</summary>
internal sealed record DaemonSettings
{
    internal BackendChoice Backend { get; init; } = BackendChoice.Auto;
    internal SoftwareBackendOptions Software { get; init; } = new();
    internal string ServerSocket { get; init; } = "";
    internal DeviceServerAccess ServerAccess { get; init; } = DeviceServerAccess.OwnUser;
    internal TimeSpan SamplingInterval { get; init; } = TimeSpan.FromSeconds(1);
    internal TimeSpan DevicesRetry { get; init; } = TimeSpan.FromSeconds(5);
    internal ProbeMode Probe { get; init; } = ProbeMode.Auto;
    internal TimeSpan ProbeInterval { get; init; } = TimeSpan.FromMinutes(10);
    internal IReadOnlyList<string> ProbeSizes { get; init; } = ["2M", "64K"];
    internal int ProbeMigrations { get; init; } = 16;
    internal int ProbeBatches { get; init; } = 5;
    internal bool ProbeModelled { get; init; }
    internal string ProbeProfile { get; init; } = "xe-2026-01";
    internal int BaselineProbes { get; init; } = 3;
    internal double AlarmSigmas { get; init; } = 4;
    internal double AlarmMinimumChange { get; init; } = 0.1;
    internal int AlarmConsecutive { get; init; } = 2;
    internal string HistoryPath { get; init; } = "/var/lib/xesvmd/history.db";
    internal TimeSpan HistoryMaximumAge { get; init; } = TimeSpan.FromDays(30);
    internal TimeSpan HistoryRawAge { get; init; } = TimeSpan.FromHours(6);
    internal long HistoryMaximumSize { get; init; } = 256L << 20;
    internal IReadOnlyList<string> Listen { get; init; } = ["127.0.0.1:9477"];
    internal string SocketOwner { get; init; } = "";
    internal string SocketGroup { get; init; } = "";
    internal UnixFileMode SocketMode { get; init; } = (UnixFileMode)0b110_110_000;
    internal string TokenFile { get; init; } = "";
    internal int MaximumConnections { get; init; } = 256;
    internal string OtlpEndpoint { get; init; } = "";
    internal string OtlpProtocol { get; init; } = "grpc";
    internal TimeSpan OtlpInterval { get; init; } = TimeSpan.FromMinutes(1);
    internal string LogLevel { get; init; } = "information";
    internal string LogFormat { get; init; } = "auto";
}

/// <summary>When probes run on their own.</summary>
internal enum ProbeMode
{
    /// <summary>On the software backend only.</summary>
    Auto,

    /// <summary>On hardware too.</summary>
    On,

    /// <summary>Never; <c>probe now</c> works all the same.</summary>
    Off,
}
