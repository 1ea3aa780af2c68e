using System.CommandLine;
using System.Reflection;
using XeSvm.Cli.Documentation;

namespace XeSvm.Cli.CommandLine;

/// <summary>The commands that print what is made of all commands: completion scripts and the manual page.</summary>
internal static class DocumentationCommands
{
    /// <summary>Adds them.</summary>
    internal static void AddTo(Command root, CliConsole console)
    {
        root.Subcommands.Add(Completion(root, console));
        root.Subcommands.Add(Man(root, console));
    }

    private static Command Completion(Command root, CliConsole console)
    {
        string names = string.Join(", ", ShellCompletion.Shells.Keys);
        Command command = new("completion", $"Prints the script with which a shell completes this program's command line: {names}.");
        Argument<string> shell = new("shell")
        {
            Description = $"{names}.",
            HelpName = "SHELL",
            CustomParser = result =>
            {
                string name = result.Tokens[0].Value;
                if (!ShellCompletion.Shells.ContainsKey(name))
                {
                    result.AddError($"'{name}' is not a shell that can be completed; valid: {names}.");
                }

                return name;
            },
        };
        command.Arguments.Add(shell);
        command.SetAction(parsed =>
        {
            console.Output.Write(ShellCompletion.Shells[parsed.GetRequiredValue(shell)](root));
            return ExitCode.Success;
        });
        return command;
    }

    private static Command Man(Command root, CliConsole console)
    {
        Command command = new("man", "Prints the manual page, for man -l - or for /usr/local/share/man/man1/xesvm.1.");
        command.SetAction(_ =>
        {
            string version = typeof(DocumentationCommands).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;
            console.Output.Write(ManPage.Write(root, version.Split('+')[0]));
            return ExitCode.Success;
        });
        return command;
    }
}
