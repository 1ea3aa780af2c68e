using XeSvm.Cli.CommandLine;
using XeSvm.Cli.Rendering;
using XeSvm.Cli.Rendering.Html;
using XeSvm.Measurement;

namespace XeSvm.Cli.Execution;

/// <summary>Runs <c>measure</c>.</summary>
internal static class MeasureExecution
{
    /// <summary>Runs the plan and prints or writes the record.</summary>
    /// <param name="request">What is asked for.</param>
    /// <param name="console">Where to write to.</param>
    /// <param name="cancellation">Ends the run early.</param>
    /// <param name="measured">Given the record before anything is shown.</param>
    internal static int Run(
        MeasureRequest request, CliConsole console, CancellationToken cancellation, Action<RunRecord>? measured = null)
    {
        // Opened first: a place that cannot be written must not cost a measurement.
        using RecordFile? json = Open("--json", request.Json);
        using RecordFile? csv = Open("--csv", request.Csv);
        using RecordFile? html = Open("--html", request.Html);
        RunRecord record = MeasureProgress.Show(console, observer => new MeasurementRunner().Run(request.Plan, observer, cancellation));
        measured?.Invoke(record);
        json?.Write(record.ToJson());
        csv?.Write(MeasureCsv.Write(record, PublishedFigures.Instance));
        html?.Write(HtmlReport.Of([new ComparedRecord(record.Name ?? "this run", record)]));
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
