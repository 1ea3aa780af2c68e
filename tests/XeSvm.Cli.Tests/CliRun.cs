namespace XeSvm.Cli.Tests;

/// <summary>One run of the program, in this process.</summary>
internal sealed record CliRun(int ExitCode, string Output, string Error)
{
    /// <summary>Runs the program with its output captured, as in a pipe.</summary>
    internal static CliRun Of(params string[] args) => Of(isTerminal: false, width: 80, useColor: false, CancellationToken.None, args);

    /// <summary>Runs the program with its output captured.</summary>
    internal static CliRun Of(bool isTerminal, int width, bool useColor, CancellationToken cancellation, params string[] args)
    {
        using StringWriter output = new();
        using StringWriter error = new();
        int code = XesvmProgram.Run(args, new CliConsole(output, error, isTerminal, isTerminal, useColor, width), cancellation);
        return new CliRun(code, output.ToString(), error.ToString());
    }
}
