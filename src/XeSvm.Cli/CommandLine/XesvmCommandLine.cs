using System.CommandLine;
using System.CommandLine.Help;
using XeSvm.Cli.Execution;
using XeSvm.Peers;

namespace XeSvm.Cli.CommandLine;

/// <summary>The commands and what each runs.</summary>
internal static class XesvmCommandLine
{
    private const string Description = """
        Shared virtual memory of Intel GPUs: information, measurement and statistics.

        The backend is the kernel's xe driver where a device can mirror CPU addresses, else a driver and GPU in software.
        Figures of the software backend are this host's and never hardware figures.


        """;

    /// <summary>Makes the command line.</summary>
    internal static Command Create(CliConsole console, CancellationToken cancellation)
    {
        // Not a RootCommand: that one takes its name from the assembly, which cannot be called xesvm.
        Command root = new("xesvm", Description + ExitCode.Description);
        root.Options.Add(new HelpOption());
        root.Options.Add(new VersionOption());
        root.Subcommands.Add(Info(console));
        root.Subcommands.Add(Measure(console, cancellation));
        root.Subcommands.Add(RecordCommands.Record(console, cancellation));
        root.Subcommands.Add(RecordCommands.Compare(console));
        root.Subcommands.Add(RecordCommands.Report(console));
        root.Subcommands.Add(RecordCommands.Schema(console));
        root.Subcommands.Add(MachineCommands.Watch(console, cancellation));
        root.Subcommands.Add(MachineCommands.Doctor(console));
        root.Subcommands.Add(Stats(console));
        root.Subcommands.Add(Calibrate(console));
        root.Subcommands.Add(Topology(console));
        root.Subcommands.Add(Run(console));
        root.Subcommands.Add(Serve(console, cancellation));
        DocumentationCommands.AddTo(root, console);
        return root;
    }

    private static Command Info(CliConsole console)
    {
        Command command = new("info", "Shows the backend and why it was taken, the device, its memory, its engines and the CPU-fault mode.");
        Option<BackendChoice?> backend = Options.Backend();
        Option<bool> json = Options.JsonToOutput();
        command.Options.Add(backend);
        command.Options.Add(json);
        command.SetAction(parsed => InfoExecution.Run(parsed.GetValue(backend), parsed.GetValue(json), console));
        return command;
    }

    private static Command Measure(CliConsole console, CancellationToken cancellation)
    {
        Command command = new(
            "measure",
            "Measures migrations to the device, each caused by one GPU store into memory that the CPU has touched: CPU time, copy time and " +
            "exact operation counts for each size and mapping strategy, beside the figures that the patch series published.");
        MeasureOptions options = new();
        options.AddTo(command);
        command.SetAction(parsed => options.Peers.IsWanted(parsed)
            ? PeerExecution.Run(options.PeerPlanOf(parsed), options.JsonOf(parsed), console, cancellation)
            : MeasureExecution.Run(options.RequestOf(parsed), console, cancellation));
        return command;
    }

    private static Command Calibrate(CliConsole console)
    {
        Command command = new(
            "calibrate",
            "Fits a cost profile again to rows of published figures, and shows how well it meets rows that took no part: what the fit is " +
            "worth. Of all profiles that meet the rows, the one that differs least from the given one is taken.");
        CalibrateOptions options = new();
        options.AddTo(command);
        command.SetAction(parsed => CalibrateExecution.Run(options.RequestOf(parsed), console));
        return command;
    }

    private static Command Topology(CliConsole console)
    {
        Command command = new("topology", "Shows a machine of several devices: the devices, and the way from each to each.");
        Argument<string> topology = new("topology")
        {
            Description = $"{string.Join(", ", MachineTopology.BuiltInNames)}, or a JSON file of schema xesvm.topology/1.",
        };
        Option<bool> json = Options.JsonToOutput();
        command.Arguments.Add(topology);
        command.Options.Add(json);
        command.SetAction(parsed => TopologyExecution.Run(parsed.GetRequiredValue(topology), parsed.GetValue(json), console));
        return command;
    }

    private static Command Run(CliConsole console)
    {
        Command command = new(
            "run",
            "Runs a program with a software device of its own in /dev/dri. The program needs no change: it may be written in any language that uses " +
            "the C library. XESVM_DEVICE and XESVM_VRAM_BYTES say what the device is like.");
        Argument<string[]> program = new("program")
        {
            Description = "The program and its arguments, after --.",
            HelpName = "-- PROGRAM ARGUMENTS",
            Arity = ArgumentArity.OneOrMore,
        };
        Option<string?> cpuFaults = Options.CpuFaults();
        command.Options.Add(cpuFaults);
        command.Arguments.Add(program);
        command.SetAction(parsed => RunExecution.Run(parsed.GetRequiredValue(program), parsed.GetValue(cpuFaults), console));
        return command;
    }

    private static Command Serve(CliConsole console, CancellationToken cancellation)
    {
        Command command = new(
            "serve",
            "Serves a software device to programs of this user until it is interrupted, and prints the environment that they have to be run with.");
        Option<string> socket = new("--socket") { Description = "Path of the socket, which must not exist.", HelpName = "PATH", Required = true };
        Option<string?> cpuFaults = Options.CpuFaults();
        command.Options.Add(socket);
        command.Options.Add(cpuFaults);
        command.SetAction(parsed => ServeExecution.Run(parsed.GetRequiredValue(socket), parsed.GetValue(cpuFaults), console, cancellation));
        return command;
    }

    private static Command Stats(CliConsole console)
    {
        Command command = new(
            "stats",
            "Computes CPU time and share of migrations from two GT-statistics texts (/sys/kernel/debug/dri/*/gt0/stats), saved on any machine " +
            "before and after the work.");
        Option<string> before = Options.StatisticsFile("--before", "The earlier text.");
        Option<string> after = Options.StatisticsFile("--after", "The later text.");
        Option<bool> json = Options.JsonToOutput();
        command.Options.Add(before);
        command.Options.Add(after);
        command.Options.Add(json);
        command.SetAction(
            parsed => StatsExecution.Run(parsed.GetRequiredValue(before), parsed.GetRequiredValue(after), parsed.GetValue(json), console));
        return command;
    }
}
