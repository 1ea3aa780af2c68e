using System.CommandLine;
using System.CommandLine.Help;
using XeSvm.Cli.CommandLine;
using XeSvm.Costs;
using XeSvm.Interop.Native;
using XeSvm.Measurement;
using XeSvm.Peers;
using XeSvm.Statistics;

namespace XeSvm.Cli;

/// <summary>The program: from arguments to an exit code.</summary>
internal static class XesvmProgram
{
    /// <summary>Runs the program.</summary>
    /// <param name="args">The arguments; none ask for help.</param>
    /// <param name="console">Where to write to.</param>
    /// <param name="cancellation">Ends a measurement early.</param>
    internal static int Run(string[] args, CliConsole console, CancellationToken cancellation)
    {
        Command root = XesvmCommandLine.Create(console, cancellation);
        ParseResult parsed = root.Parse(
            args.Length == 0 ? ["--help"] : args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (parsed.Errors.Count > 0 && parsed.Action is not HelpAction)
        {
            return ReportUsage(parsed, console);
        }

        return Guard(() => parsed.Invoke(Configuration(console.Output, console.Error)), console);
    }

    private static InvocationConfiguration Configuration(TextWriter output, TextWriter error) =>
        new() { Output = output, Error = error, EnableDefaultExceptionHandler = false };

    private static int ReportUsage(ParseResult parsed, CliConsole console)
    {
        Command command = parsed.CommandResult.Command;
        bool isRoot = parsed.CommandResult == parsed.RootCommandResult;
        IEnumerable<string> mistakes = isRoot && parsed.UnmatchedTokens is [{ } unknown, ..]
            ? [$"'{unknown}' is not a command; valid: {string.Join(", ", command.Subcommands.Select(known => known.Name))}."]
            : parsed.Errors.Select(error => error.Message).Distinct(StringComparer.Ordinal);
        foreach (string mistake in mistakes)
        {
            console.Error.WriteLine($"xesvm: {mistake}");
        }

        // No more than fits below the message on any terminal: the whole help is long.
        string path = isRoot ? command.Name : $"xesvm {command.Name}";
        string arguments = string.Concat(command.Arguments.Select(argument => $" {UsageOf(argument)}"));
        console.Error.WriteLine($"Usage: {path}{(isRoot ? " COMMAND" : "")} [options]{arguments}; '{path} --help' tells the options.");
        return ExitCode.Usage;
    }

    private static string UsageOf(Argument argument) =>
        $"{(argument.HelpName ?? argument.Name.ToUpperInvariant())}{(argument.Arity.MaximumNumberOfValues > 1 && argument.HelpName is null ? "..." : "")}";

    /// <summary>Turns what can go wrong into a message and an exit code. What is not expected here is a bug and shows its trace.</summary>
    private static int Guard(Func<int> run, CliConsole console)
    {
        try
        {
            return run();
        }
        catch (OperationCanceledException)
        {
            console.Error.WriteLine("xesvm: interrupted; nothing was recorded.");
            return ExitCode.Interrupted;
        }
        catch (Exception exception) when (CodeOf(exception) is not null)
        {
            console.Error.WriteLine($"xesvm: {exception.Message}");
            return CodeOf(exception)!.Value;
        }
    }

    private static int? CodeOf(Exception exception) => exception switch
    {
        XeDeviceNotFoundException => ExitCode.NoDevice,
        BackendChoiceException or MeasurementPlanException => ExitCode.Usage,
        InputFileException or RunRecordException or RunComparisonException or CostModelException or MachineTopologyException => ExitCode.BadInput,
        MeasurementException or CounterTextException or NativeLibraryException or InvalidDataException => ExitCode.Failure,
        IOException or UnauthorizedAccessException => ExitCode.Failure,
        _ => null,
    };
}
