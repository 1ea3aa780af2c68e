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
        (IReadOnlyList<MigrationTimes> times, CounterDelta moved) = Between(StatisticsFile.Read(before), StatisticsFile.Read(after));
        StatsReport report = new(before, after, times, moved);
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

    private static (IReadOnlyList<MigrationTimes> Times, CounterDelta Moved) Between(GtStatistics before, GtStatistics after)
    {
        try
        {
            GtStatisticsDelta delta = GtStatisticsDelta.Between(before, after);
            if (!after.Snapshot.Counters.Any(counter => GtStatistics.KnownNames.Contains(counter.Name)))
            {
                throw new InputFileException(
                    $"{after.Snapshot.Source}: none of the {after.Snapshot.Counters.Count} counters is one of a GT, such as svm_2M_migrate_us: " +
                    "the texts are not of a GT's statistics.");
            }

            return ([.. SvmSizeClass.All.Select(delta.TimesOf).OfType<MigrationTimes>()], delta.Counters);
        }
        catch (CounterTextException exception)
        {
            throw new InputFileException(exception.Message, exception);
        }
    }
}
