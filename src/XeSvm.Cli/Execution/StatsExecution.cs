using System.Text.Json;
using XeSvm.Cli.Rendering;
using XeSvm.Statistics;

namespace XeSvm.Cli.Execution;

/// <summary>Runs <c>stats</c>.</summary>
internal static class StatsExecution
{
    /// <summary>Prints the migration times between two texts.</summary>
    internal static int Run(string before, string after, bool json, CliConsole console)
    {
        IReadOnlyList<MigrationTimes> times = TimesBetween(StatisticsFile.Read(before), StatisticsFile.Read(after));
        StatsReport report = new(before, after, times);
        if (json)
        {
            console.Output.WriteLine(JsonSerializer.Serialize(report.ToJson(), CliJson.Default.StatsJson));
        }
        else
        {
            report.Write(console);
        }

        return ExitCode.Success;
    }

    private static List<MigrationTimes> TimesBetween(GtStatistics before, GtStatistics after)
    {
        try
        {
            GtStatisticsDelta delta = GtStatisticsDelta.Between(before, after);
            List<MigrationTimes> times = [.. SvmSizeClass.All.Select(delta.TimesOf).OfType<MigrationTimes>()];
            return times.Count > 0
                ? times
                : throw new InputFileException(
                    $"{after.Snapshot.Source}: none of the {after.Snapshot.Counters.Count} counters is svm_2M_migrate_us or of its kind; " +
                    "the texts are not of a GT with SVM statistics.");
        }
        catch (CounterTextException exception)
        {
            throw new InputFileException(exception.Message, exception);
        }
    }
}
