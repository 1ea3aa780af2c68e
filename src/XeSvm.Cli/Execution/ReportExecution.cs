using XeSvm.Cli.Rendering;
using XeSvm.Cli.Rendering.Html;
using XeSvm.Measurement;

namespace XeSvm.Cli.Execution;

/// <summary>Runs <c>report</c>.</summary>
internal static class ReportExecution
{
    /// <summary>Reads the records and writes the page.</summary>
    internal static int Run(IReadOnlyList<string> names, string html, CliConsole console)
    {
        IReadOnlyList<ComparedRecord> records = RunRecordFiles.Read(names);
        using RecordFile page = RecordFile.Open("--html", html);
        page.Write(HtmlReport.Of(records));
        console.Output.WriteLine($"The page is in {html}.");
        return ExitCode.Success;
    }
}
