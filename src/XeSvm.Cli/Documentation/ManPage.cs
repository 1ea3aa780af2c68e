using System.CommandLine;
using System.Text;

namespace XeSvm.Cli.Documentation;

/// <summary>The program's manual page (man(7) macros), made of the tree of commands.</summary>
internal static class ManPage
{
    /// <summary>Writes the page.</summary>
    /// <param name="root">The tree of commands.</param>
    /// <param name="version">The program's version, for the footer.</param>
    internal static string Write(Command root, string version)
    {
        StringBuilder page = new();
        IReadOnlyList<CommandNode> nodes = CommandNode.All(root);
        string[] description = (root.Description ?? "").ReplaceLineEndings("\n").Split("\n\n", StringSplitOptions.RemoveEmptyEntries);
        Macro(page, $".TH XESVM 1 \"\" \"xesvm {version}\" \"User Commands\"");
        Macro(page, ".SH NAME");
        Text(page, $"xesvm - {description[0].Trim().TrimEnd('.')}");
        Macro(page, ".SH SYNOPSIS");
        foreach (CommandNode node in nodes.Where(node => !node.Subcommands.Any()))
        {
            Synopsis(page, node);
        }

        Macro(page, ".SH DESCRIPTION");
        foreach (string paragraph in description[1..])
        {
            // The exit codes have a section of their own.
            if (!paragraph.TrimStart().StartsWith("Exit codes", StringComparison.Ordinal))
            {
                Text(page, paragraph.Trim());
                Macro(page, ".PP");
            }
        }

        Macro(page, ".SH COMMANDS");
        foreach (CommandNode node in nodes.Where(node => node.Path.Count > 0))
        {
            Section(page, node);
        }

        Macro(page, ".SH OPTIONS");
        Options(page, nodes[0].Options);
        ExitStatus(page);
        return page.ToString();
    }

    private static void Synopsis(StringBuilder page, CommandNode node)
    {
        Macro(page, $".B xesvm {Escape(node.PathText)}");
        StringBuilder rest = new();
        foreach (Argument argument in node.Command.Arguments)
        {
            string name = (argument.HelpName ?? argument.Name).ToUpperInvariant();
            rest.Append(argument.Arity.MinimumNumberOfValues == 0 ? $"[{name}]" : name)
                .Append(argument.Arity.MaximumNumberOfValues > 1 ? "... " : " ");
        }

        foreach (OptionNode option in node.Options.Where(option => option.Option.Required))
        {
            rest.Append($"{option.Names[0]} {option.ValueName} ");
        }

        Text(page, $"{rest}[OPTION]...");
        Macro(page, ".br");
    }

    private static void Section(StringBuilder page, CommandNode node)
    {
        Macro(page, $".SS {Escape(node.PathText)}");
        Text(page, (node.Command.Description ?? "").Trim());
        foreach (Argument argument in node.Command.Arguments)
        {
            Macro(page, ".TP");
            Macro(page, $".I {Escape((argument.HelpName ?? argument.Name).ToUpperInvariant())}");
            Text(page, argument.Description ?? "");
        }

        Options(page, node.Options);
    }

    private static void Options(StringBuilder page, IEnumerable<OptionNode> options)
    {
        foreach (OptionNode option in options)
        {
            Macro(page, ".TP");
            string value = option.TakesValue ? $" \\fI{Escape(option.ValueName)}\\fR" : "";
            Macro(page, $"\\fB{string.Join("\\fR, \\fB", option.Names.Select(Escape))}\\fR{value}");
            Text(page, option.Description);
        }
    }

    private static void ExitStatus(StringBuilder page)
    {
        Macro(page, ".SH EXIT STATUS");
        foreach (string line in ExitCode.Description.ReplaceLineEndings("\n").Split('\n').Skip(1))
        {
            string[] words = line.Trim().Split(' ', 2);
            Macro(page, ".TP");
            Macro(page, $".B {words[0]}");
            Text(page, words[1].Trim());
        }
    }

    private static void Macro(StringBuilder page, string line) => page.Append(line).Append('\n');

    /// <summary>Text; a line that begins with a point or an apostrophe would be a macro.</summary>
    private static void Text(StringBuilder page, string text)
    {
        foreach (string line in text.ReplaceLineEndings("\n").Split('\n').Select(line => line.Trim()).Where(line => line.Length > 0))
        {
            Macro(page, (line[0] is '.' or '\'' ? "\\&" : "") + Escape(line));
        }
    }

    private static string Escape(string text) =>
        text.Replace("\\", "\\e", StringComparison.Ordinal).Replace("-", "\\-", StringComparison.Ordinal);
}
