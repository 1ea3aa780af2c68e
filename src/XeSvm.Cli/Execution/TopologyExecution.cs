using System.Text.Json;
using XeSvm.Cli.Rendering;
using XeSvm.Peers;

namespace XeSvm.Cli.Execution;

/// <summary>Runs <c>topology</c>.</summary>
internal static class TopologyExecution
{
    /// <summary>Shows a topology.</summary>
    internal static int Run(string nameOrPath, bool json, CliConsole console)
    {
        MachineTopology topology = MachineTopology.Load(nameOrPath);
        if (json)
        {
            console.Output.WriteLine(JsonSerializer.Serialize(TopologyJson.Of(topology), CliJson.Default.TopologyJson));
        }
        else
        {
            TopologyReport.Write(topology, console);
        }

        return ExitCode.Success;
    }
}
