using XeSvm.Cli.CommandLine;
using XeSvm.Cli.Rendering;
using XeSvm.Measurement;

namespace XeSvm.Cli.Execution;

/// <summary>Runs <c>measure</c>.</summary>
internal static class MeasureExecution
{
    /// <summary>Runs the plan and prints or writes the record.</summary>
    internal static int Run(MeasureRequest request, CliConsole console, CancellationToken cancellation)
    {
        // Opened first: a place that cannot be written must not cost a measurement.
        using RecordFile? json = Open("--json", request.Json);
        using RecordFile? csv = Open("--csv", request.Csv);
        RunRecord record = MeasureProgress.Show(console, observer => new MeasurementRunner().Run(request.Plan, observer, cancellation));
        json?.Write(record.ToJson());
        csv?.Write(MeasureCsv.Write(record, PublishedFigures.Instance));
        if (request.Json == MeasureRequest.StandardOutput)
        {
            console.Output.Write(record.ToJson());
        }
        else if (request.Csv == MeasureRequest.StandardOutput)
        {
            console.Output.Write(MeasureCsv.Write(record, PublishedFigures.Instance));
        }
        else
        {
            new MeasureReport(record, PublishedFigures.Instance, request.Plan.Profile, request.Matrix).Write(console);
            if (request.Explain && request.Plan.Profile is { } profile)
            {
                new ExplainReport(record, profile).Write(console);
            }
        }

        return ExitCode.Success;
    }

    private static RecordFile? Open(string option, string? path) =>
        path is null or MeasureRequest.StandardOutput ? null : RecordFile.Open(option, path);
}
