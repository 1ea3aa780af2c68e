using Spectre.Console;

namespace XeSvm.Cli;

/// <summary>Where the program writes to: results to the output, everything about the run to the error output.</summary>
/// <param name="Output">Results.</param>
/// <param name="Error">Progress, choices and errors.</param>
/// <param name="OutputIsTerminal">Whether results are read by a person at a terminal.</param>
/// <param name="ErrorIsTerminal">Whether progress is.</param>
/// <param name="UseColor">Whether colours are wanted there.</param>
/// <param name="Width">Columns of the terminal.</param>
internal sealed record CliConsole(
    TextWriter Output, TextWriter Error, bool OutputIsTerminal, bool ErrorIsTerminal, bool UseColor, int Width)
{
    private const int DefaultWidth = 80;

    /// <summary>The process's own console. NO_COLOR (no-color.org) and TERM=dumb are respected.</summary>
    internal static CliConsole OfProcess()
    {
        bool dumb = Environment.GetEnvironmentVariable("TERM") is null or "" or "dumb";
        bool outputIsTerminal = !Console.IsOutputRedirected && !dumb;
        return new CliConsole(
            new StandardStream(Console.Out, carriesResults: true),
            new StandardStream(Console.Error, carriesResults: false),
            outputIsTerminal,
            !Console.IsErrorRedirected && !dumb,
            string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR")),
            outputIsTerminal && Console.WindowWidth > 0 ? Console.WindowWidth : DefaultWidth);
    }

    /// <summary>A console of the table and progress library over one of the two writers.</summary>
    internal IAnsiConsole Ansi(TextWriter writer)
    {
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = AnsiSupport.Yes,
            ColorSystem = UseColor ? ColorSystemSupport.Standard : ColorSystemSupport.NoColors,
            Interactive = InteractionSupport.Yes,
            Out = new AnsiConsoleOutput(writer),
        });
        console.Profile.Width = Width;
        return console;
    }
}
