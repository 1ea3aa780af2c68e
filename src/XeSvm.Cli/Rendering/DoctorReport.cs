using XeSvm.Measurement;

namespace XeSvm.Cli.Rendering;

/// <summary>What was found on a machine, one finding after the other, with the command that mends it.</summary>
internal sealed class DoctorReport(IReadOnlyList<MachineFinding> findings)
{
    /// <summary>Writes the findings and their count.</summary>
    internal void Write(CliConsole console)
    {
        LabelledText text = new(console);
        foreach (MachineFinding finding in findings)
        {
            text.Write(NameOf(finding.Status), $"{finding.Check}: {finding.Found}");
            if (finding.Remedy is not null)
            {
                text.Write("", $"$ {finding.Remedy}");
            }
        }

        console.Output.WriteLine();
        console.Output.WriteLine(
            $"{Count(FindingStatus.Good)} good, {Count(FindingStatus.Warning)} warnings, {Count(FindingStatus.Problem)} problems. " +
            "A line that begins with $ is the command that mends what stands above it.");
    }

    /// <summary>A status on the output.</summary>
    internal static string NameOf(FindingStatus status) => status.ToString().ToLowerInvariant();

    private int Count(FindingStatus status) => findings.Count(finding => finding.Status == status);
}

/// <summary>The result of <c>doctor --json</c>.</summary>
internal sealed record DoctorJson(string Schema, IReadOnlyList<DoctorJsonFinding> Findings)
{
    internal const string CurrentSchema = "xesvm.doctor/1";

    /// <summary>Findings in this form.</summary>
    internal static DoctorJson Of(IReadOnlyList<MachineFinding> findings) => new(
        CurrentSchema,
        [.. findings.Select(finding => new DoctorJsonFinding(finding.Check, DoctorReport.NameOf(finding.Status), finding.Found, finding.Remedy))]);
}

/// <summary>A finding of <see cref="DoctorJson"/>; the remedy is null when there is nothing to mend.</summary>
internal sealed record DoctorJsonFinding(string Check, string Status, string Found, string? Remedy);
