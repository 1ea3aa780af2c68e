using System.Text.Json.Serialization;
using XeSvm.Measurement;

namespace XeSvm.Cli.Rendering;

/// <summary>The result of <c>stats --json</c>.</summary>
internal sealed record StatsJson(string Schema, string Before, string After, IReadOnlyList<StatsJsonRow> Sizes)
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
    RunHost Host)
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

/// <summary>Writing of results without reflection.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(StatsJson))]
[JsonSerializable(typeof(InfoJson))]
internal sealed partial class CliJson : JsonSerializerContext;
