using System.Text.Json.Serialization;
using XeSvm.Measurement;
using XeSvm.Peers;

namespace XeSvm.Cli.Rendering;

/// <summary>The result of <c>stats --json</c>.</summary>
internal sealed record StatsJson(
    string Schema,
    string Before,
    string After,
    IReadOnlyList<StatsJsonRow> Sizes,
    IReadOnlyDictionary<string, ulong> Counters,
    IReadOnlyList<string> UnknownCounters)
{
    internal const string CurrentSchema = "xesvm.stats/1";
}

/// <summary>One size class of <see cref="StatsJson"/>; times are null when nothing migrated.</summary>
internal sealed record StatsJsonRow(string Size, ulong Migrations, ulong MigrateUs, ulong DeviceCopyUs, decimal? CpuUs, decimal? Share);

/// <summary>The result of <c>info --json</c>.</summary>
internal sealed record InfoJson(
    string Schema,
    string Backend,
    string Reason,
    string CpuFaults,
    string? CpuFaultsReason,
    string Iommu,
    string Strategy,
    string Layout,
    InfoJsonDevice Device,
    IReadOnlyList<string> Engines,
    IReadOnlyList<InfoJsonRegion> MemoryRegions,
    IReadOnlyList<InfoJsonGt> Gts,
    bool StatisticsAvailable,
    string? StatisticsReason,
    RunHost Host,
    string? Profile)
{
    internal const string CurrentSchema = "xesvm.info/1";
}

/// <summary>The device of <see cref="InfoJson"/>.</summary>
internal sealed record InfoJsonDevice(
    string Node,
    string Driver,
    string BusAddress,
    int DeviceId,
    int Revision,
    int VirtualAddressBits,
    ulong MinimumAlignment,
    XeCapabilities Capabilities);

/// <summary>A memory region of <see cref="InfoJson"/>.</summary>
internal sealed record InfoJsonRegion(string Memory, int Instance, uint MinimumPageSize, ulong TotalSize, ulong UsedSize);

/// <summary>A GT of <see cref="InfoJson"/>.</summary>
internal sealed record InfoJsonGt(int Id, int Tile, string Type, string IpVersion, uint ReferenceClock);

/// <summary>The result of <c>topology --json</c>.</summary>
internal sealed record TopologyJson(string Schema, string Name, IReadOnlyList<TopologyJsonDevice> Devices, IReadOnlyList<TopologyJsonLink> Links)
{
    internal const string CurrentSchema = "xesvm.topology-report/1";

    /// <summary>A topology in this form.</summary>
    internal static TopologyJson Of(MachineTopology topology)
    {
        int count = topology.Devices.Count;
        return new TopologyJson(
            CurrentSchema,
            topology.Name,
            [.. topology.Devices.Select(device => new TopologyJsonDevice(
                device.Name, device.Tiles, device.VramBytes, device.Iommu.ToString().ToLowerInvariant(), device.CoherentWalker, device.Profile))],
            [.. Enumerable.Range(0, count * count).Select(index => Link(index / count, index % count))]);

        TopologyJsonLink Link(int from, int to)
        {
            MachineLink link = topology.Link(from, to);
            return new TopologyJsonLink(
                topology.Devices[from].Name, topology.Devices[to].Name, link.RouteName, link.Distance, link.GigabytesPerSecond, link.LatencyNanoseconds);
        }
    }
}

/// <summary>A device of <see cref="TopologyJson"/>.</summary>
internal sealed record TopologyJsonDevice(string Name, int Tiles, ulong VramBytes, string Iommu, bool CoherentWalker, string Profile);

/// <summary>A way of <see cref="TopologyJson"/>; bandwidth and latency are assumed.</summary>
internal sealed record TopologyJsonLink(
    string From, string To, string Route, int Distance, double AssumedGigabytesPerSecond, double AssumedLatencyNanoseconds);

/// <summary>Writing of results without reflection.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(StatsJson))]
[JsonSerializable(typeof(InfoJson))]
[JsonSerializable(typeof(TopologyJson))]
[JsonSerializable(typeof(PeerRecord))]
[JsonSerializable(typeof(ComparisonJson))]
[JsonSerializable(typeof(DoctorJson))]
internal sealed partial class CliJson : JsonSerializerContext;
