using System.Text.Json;
using XeSvm.Cli.Rendering;
using XeSvm.Measurement;

namespace XeSvm.Cli.Execution;

/// <summary>Runs <c>doctor</c>.</summary>
internal static class DoctorExecution
{
    /// <summary>Examines the machine and prints what was found.</summary>
    internal static int Run(bool json, CliConsole console)
    {
        IReadOnlyList<MachineFinding> findings = MachineDoctor.Examine();
        if (json)
        {
            console.Output.WriteLine(JsonSerializer.Serialize(DoctorJson.Of(findings), CliJson.Default.DoctorJson));
        }
        else
        {
            new DoctorReport(findings).Write(console);
        }

        return findings.Any(finding => finding.Status == FindingStatus.Problem) ? ExitCode.Failure : ExitCode.Success;
    }
}
