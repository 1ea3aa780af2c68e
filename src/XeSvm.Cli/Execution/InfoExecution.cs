using System.Text.Json;
using XeSvm.Cli.Rendering;
using XeSvm.Measurement;

namespace XeSvm.Cli.Execution;

/// <summary>Runs <c>info</c>.</summary>
internal static class InfoExecution
{
    /// <summary>Opens the device and prints what it is.</summary>
    internal static int Run(BackendChoice? backend, bool json, CliConsole console)
    {
        using XeDevice device = XeDevice.Open(XeBackends.Select(backend));
        InfoReport report = new(device, BackendReport.Read(device));
        if (json)
        {
            console.Output.WriteLine(JsonSerializer.Serialize(report.ToJson(), CliJson.Default.InfoJson));
        }
        else
        {
            report.Write(console);
        }

        return ExitCode.Success;
    }
}
