using System.Text.Json;
using XeSvm.Cli.Rendering;
using XeSvm.Cli.Rendering.Html;
using XeSvm.Measurement;

namespace XeSvm.Cli.Execution;

/// <summary>Runs <c>compare</c>.</summary>
internal static class CompareExecution
{
    /// <summary>Reads the records and puts them side by side.</summary>
    internal static int Run(IReadOnlyList<string> names, bool force, bool json, string? html, CliConsole console)
    {
        RunComparison comparison = RunComparison.Of(RunRecordFiles.Read(names), force);
        using RecordFile? page = html is null ? null : RecordFile.Open("--html", html);
        page?.Write(HtmlReport.Of(comparison.Records, comparison));
        if (json)
        {
            console.Output.WriteLine(JsonSerializer.Serialize(ComparisonJson.Of(comparison), CliJson.Default.ComparisonJson));
        }
        else
        {
            new ComparisonReport(comparison).Write(console);
        }

        return ExitCode.Success;
    }
}
