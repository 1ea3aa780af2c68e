using XeSvm.Measurement;

namespace XeSvm.Cli.Rendering;

/// <summary>What kinds of rows a record has.</summary>
internal static class RowKinds
{
    /// <summary>Whether the published figures are of the same thing: migrations by faults, of small pages, by the driver's clock.</summary>
    internal static bool IsLikePublished(RunCase row) =>
        (row.Cause ?? "fault") == "fault" && (row.Pages ?? "small") == "small" && (row.Clock ?? MeasurementNames.StatisticsClock) == MeasurementNames.StatisticsClock;
}
