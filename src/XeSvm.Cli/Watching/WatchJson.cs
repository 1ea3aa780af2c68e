using System.Text.Json.Serialization;

namespace XeSvm.Cli.Watching;

/// <summary>One line of <c>watch --json</c>.</summary>
/// <param name="Schema">The schema's name and version.</param>
/// <param name="Backend">The backend; figures of <c>software</c> are not hardware figures.</param>
/// <param name="Device">The device's node.</param>
/// <param name="IntervalSeconds">Between the two readings.</param>
/// <param name="Gts">The GTs.</param>
internal sealed record WatchJson(string Schema, string Backend, string Device, double IntervalSeconds, IReadOnlyList<WatchJsonGt> Gts)
{
    internal const string CurrentSchema = "xesvm.watch/1";

    /// <summary>A frame in this form.</summary>
    internal static WatchJson Of(WatchFrame frame, XeDevice device) => new(
        CurrentSchema,
        device.BackendName,
        device.Node.Path,
        frame.Interval.TotalSeconds,
        [.. frame.Gts.Select(gt => new WatchJsonGt(
            gt.Gt,
            gt.Problem,
            [.. gt.Sizes.Select(size => new WatchJsonSize(size.Size.Name, size.Faults, size.Migrations, size.CpuUs, size.CopyUs, size.Share, size.Total))],
            gt.Others.ToDictionary(counter => counter.Name, counter => counter.Value)))]);
}

/// <summary>A GT of <see cref="WatchJson"/>.</summary>
/// <param name="Id">Its number.</param>
/// <param name="Problem">Why nothing can be told; null when it can.</param>
/// <param name="Sizes">The sizes of ranges that the driver counts.</param>
/// <param name="Counters">Other counters that moved, and by how much.</param>
internal sealed record WatchJsonGt(int Id, string? Problem, IReadOnlyList<WatchJsonSize> Sizes, IReadOnlyDictionary<string, ulong> Counters);

/// <summary>A size of <see cref="WatchJsonGt"/>: counts of the interval, times of one migration, which are null when there was none.</summary>
internal sealed record WatchJsonSize(string Size, ulong Faults, ulong Migrations, double? CpuUs, double? CopyUs, double? Share, ulong TotalMigrations);

/// <summary>Writing of results of one line each without reflection.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(WatchJson))]
internal sealed partial class CliJsonLines : JsonSerializerContext;
