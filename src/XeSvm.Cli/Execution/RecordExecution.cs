using XeSvm.Cli.CommandLine;
using XeSvm.Cli.Rendering;
using XeSvm.Measurement;

namespace XeSvm.Cli.Execution;

/// <summary>Runs <c>record</c>.</summary>
internal static class RecordExecution
{
    /// <summary>Measures, writes the record, and prints the table.</summary>
    internal static int Run(MeasureRequest request, string name, bool replace, CliConsole console, CancellationToken cancellation)
    {
        string path = RunRecordFiles.PathOf(name);
        if (!replace && File.Exists(path))
        {
            throw new InputFileException($"{path} is there already. Take another name, or --replace.");
        }

        using RecordFile file = RecordFile.Open("record", path);
        MeasureRequest named = request with { Plan = request.Plan with { Name = Path.GetFileNameWithoutExtension(path) } };
        int code = MeasureExecution.Run(named, console, cancellation, record => file.Write(record.ToJson()));
        console.Error.WriteLine($"xesvm: recorded in {path}");
        return code;
    }
}
