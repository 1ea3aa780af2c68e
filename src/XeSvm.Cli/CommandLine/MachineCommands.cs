using System.CommandLine;
using System.Globalization;
using XeSvm.Cli.Execution;
using XeSvm.Cli.Watching;

namespace XeSvm.Cli.CommandLine;

/// <summary>The commands that look at the machine.</summary>
internal static class MachineCommands
{
    private const double ShortestInterval = 0.1;
    private const double LongestInterval = 3600;

    /// <summary><c>watch</c>: the statistics as they move.</summary>
    internal static Command Watch(CliConsole console, CancellationToken cancellation)
    {
        Command command = new(
            "watch", "Shows faults, migrations, CPU time and copy time for each size and GT while they happen. Ctrl-C ends it.");
        Option<BackendChoice?> backend = Options.Backend();
        Option<double?> interval = new("--interval")
        {
            Description = "Seconds between two readings. Default: 1.",
            HelpName = "SECONDS",
            CustomParser = result =>
                double.TryParse(result.Tokens[0].Value, NumberStyles.Float, CultureInfo.InvariantCulture, out double seconds)
                && seconds is >= ShortestInterval and <= LongestInterval
                    ? seconds
                    : Options.Refuse<double?>(result, "--interval", result.Tokens[0].Value, $"a number from {ShortestInterval.ToString(CultureInfo.InvariantCulture)} to {LongestInterval}"),
        };
        Option<int?> iterations = Options.Number("--iterations", "Ends after so many readings. Default: at Ctrl-C.", 1, int.MaxValue);
        Option<bool> load = new("--load") { Description = "Causes migrations meanwhile, so that there is something to see." };
        Option<bool> json = new("--json") { Description = $"Prints each reading as one line of JSON (schema {WatchJson.CurrentSchema})." };
        command.Options.Add(backend);
        command.Options.Add(interval);
        command.Options.Add(iterations);
        command.Options.Add(load);
        command.Options.Add(json);
        command.SetAction(parsed => WatchExecution.Run(
            new WatchRequest(
                parsed.GetValue(backend),
                TimeSpan.FromSeconds(parsed.GetValue(interval) ?? 1),
                parsed.GetValue(iterations),
                parsed.GetValue(load),
                parsed.GetValue(json)),
            console,
            cancellation));
        return command;
    }

    /// <summary><c>doctor</c>: what keeps the machine from working or measuring well.</summary>
    internal static Command Doctor(CliConsole console)
    {
        Command command = new(
            "doctor",
            "Looks at the kernel, its configuration and driver, node permissions, debugfs, the IOMMU, huge pages, userfaultfd, limits and noise; " +
            "each finding comes with the command that mends it. Ends with 1 when nothing can run at all.");
        Option<bool> json = Options.JsonToOutput();
        command.Options.Add(json);
        command.SetAction(parsed => DoctorExecution.Run(parsed.GetValue(json), console));
        return command;
    }
}
