using System.Text.Json;
using XeSvm.Cli.CommandLine;
using XeSvm.Cli.Rendering;
using XeSvm.Peers;

namespace XeSvm.Cli.Execution;

/// <summary>Runs <c>measure --peers</c>.</summary>
internal static class PeerExecution
{
    /// <summary>Measures, and writes the table, the record, or both.</summary>
    internal static int Run(PeerMeasurementPlan plan, string? json, CliConsole console, CancellationToken cancellation)
    {
        bool toOutput = json == MeasureRequest.StandardOutput;
        using RecordFile? file = json is null || toOutput ? null : RecordFile.Open("--json", json);
        PeerRecord record = PeerMeasurement.Run(plan, cancellation);
        string text = JsonSerializer.Serialize(record, CliJson.Default.PeerRecord);
        file?.Write(text);
        if (toOutput)
        {
            console.Output.WriteLine(text);
        }
        else
        {
            new PeerReport(record).Write(console);
        }

        return ExitCode.Success;
    }
}
