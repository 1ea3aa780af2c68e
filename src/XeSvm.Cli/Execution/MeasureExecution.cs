using XeSvm.Cli.Rendering;
using XeSvm.Measurement;

namespace XeSvm.Cli.Execution;

/// <summary>Runs <c>measure</c>.</summary>
internal static class MeasureExecution
{
    private const string StandardOutput = "-";

    /// <summary>Runs the plan and prints or writes the record.</summary>
    internal static int Run(MeasurementPlan plan, string? json, CliConsole console, CancellationToken cancellation)
    {
        // Opened first: a place that cannot be written must not cost a measurement.
        using RecordFile? file = json is null or StandardOutput ? null : RecordFile.Open(json);
        RunRecord record = MeasureProgress.Show(console, observer => new MeasurementRunner().Run(plan, observer, cancellation));
        file?.Write(record.ToJson());
        if (json == StandardOutput)
        {
            console.Output.Write(record.ToJson());
        }
        else
        {
            new MeasureReport(record, PublishedFigures.Instance).Write(console);
        }

        return ExitCode.Success;
    }
}
