using System.CommandLine;
using System.Text;

namespace XeSvm.Cli.Documentation;

/// <summary>Scripts with which shells complete the program's command line, made of the tree of commands.</summary>
internal static class ShellCompletion
{
    /// <summary>The shells, with what makes their scripts.</summary>
    internal static IReadOnlyDictionary<string, Func<Command, string>> Shells { get; } = new Dictionary<string, Func<Command, string>>
    {
        ["bash"] = Bash,
        ["zsh"] = Zsh,
        ["fish"] = Fish,
    };

    private static string Bash(Command root)
    {
        IReadOnlyList<CommandNode> nodes = CommandNode.All(root);
        StringBuilder script = new();
        script.Append("""
            # Completion of xesvm for bash. Put it where bash-completion looks (~/.local/share/bash-completion/completions/xesvm), or: source it.
            _xesvm() {
              local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} command= index
              for ((index = 1; index < COMP_CWORD; index++)); do
                case "${command:+$command }${COMP_WORDS[index]}" in

            """);
        foreach (CommandNode node in nodes.Where(node => node.Path.Count > 0))
        {
            Line(script, $"      '{node.PathText}') command='{node.PathText}' ;;");
        }

        script.Append("""
                esac
              done
              case "$command $previous" in

            """);
        foreach (CommandNode node in nodes)
        {
            foreach (OptionNode option in node.Options.Where(option => option.TakesValue))
            {
                string pattern = string.Join(" | ", option.Names.Select(name => $"'{node.PathText} {name}'"));
                string files = option.TakesFile ? "-f " : "";
                Line(script, $"    {pattern}) COMPREPLY=($(compgen {files}-W '{string.Join(' ', option.Values)}' -- \"$current\")); return ;;");
            }
        }

        script.Append("""
              esac
              case "$command" in

            """);
        foreach (CommandNode node in nodes)
        {
            string words = string.Join(' ', node.Subcommands.Concat(node.Options.SelectMany(option => option.Names)));
            Line(script, $"    '{node.PathText}') COMPREPLY=($(compgen -W '{words}' -- \"$current\")) ;;");
        }

        script.Append("""
              esac
            }
            complete -F _xesvm xesvm

            """);
        return script.ToString();
    }

    private static string Zsh(Command root)
    {
        StringBuilder script = new();
        script.Append("""
            #compdef xesvm
            # Completion of xesvm for zsh. Put it as _xesvm into a folder of $fpath.
            _xesvm() {
              local command= word
              for word in ${words[2,CURRENT-1]}; do
                case "${command:+$command }$word" in

            """);
        IReadOnlyList<CommandNode> nodes = CommandNode.All(root);
        foreach (CommandNode node in nodes.Where(node => node.Path.Count > 0))
        {
            Line(script, $"      '{node.PathText}') command='{node.PathText}' ;;");
        }

        script.Append("""
                esac
              done
              case "$command" in

            """);
        foreach (CommandNode node in nodes)
        {
            Line(script, $"    '{node.PathText}')");
            if (node.Subcommands.Any())
            {
                string items = string.Join(' ', node.Command.Subcommands.Where(child => !child.Hidden)
                    .Select(child => Quote($"{child.Name}:{FirstSentence(child.Description)}")));
                Line(script, $"      local -a commands=({items})");
                Line(script, "      _describe command commands");
            }

            Line(script, $"      _arguments {string.Join(' ', node.Options.SelectMany(ZshOption))} ;;");
        }

        script.Append("""
              esac
            }
            _xesvm "$@"

            """);
        return script.ToString();
    }

    private static IEnumerable<string> ZshOption(OptionNode option)
    {
        string values = string.Join(' ', option.Values);
        string action = option.TakesFile ? "_files" : values.Length > 0 ? $"({values})" : " ";
        string description = FirstSentence(option.Description).Replace("[", "(", StringComparison.Ordinal).Replace("]", ")", StringComparison.Ordinal);
        foreach (string name in option.Names)
        {
            string value = option.TakesValue ? $":{option.ValueName.Replace(":", "\\:", StringComparison.Ordinal)}:{action}" : "";
            yield return Quote($"{name}[{description}]{value}");
        }
    }

    private static string Fish(Command root)
    {
        StringBuilder script = new();
        script.AppendLine("# Completion of xesvm for fish. Put it as xesvm.fish into ~/.config/fish/completions.");
        foreach (CommandNode node in CommandNode.All(root))
        {
            string condition = node.Path.Count == 0
                ? "__fish_use_subcommand"
                : string.Join("; and ", node.Path.Select(name => $"__fish_seen_subcommand_from {name}"));
            foreach (Command child in node.Command.Subcommands.Where(child => !child.Hidden))
            {
                Line(script, $"complete -c xesvm -f -n '{condition}' -a {child.Name} -d {Quote(FirstSentence(child.Description), "\\'")}");
            }

            foreach (OptionNode option in node.Options)
            {
                string names = string.Join(' ', option.Names.Select(FishName));
                string values = option.TakesFile ? " -r -F" : option.TakesValue ? $" -x -a '{string.Join(' ', option.Values)}'" : "";
                Line(script, $"complete -c xesvm -n '{condition}' {names}{values} -d {Quote(FirstSentence(option.Description), "\\'")}");
            }
        }

        return script.ToString();
    }

    private static string FishName(string name) => name switch
    {
        ['-', '-', ..] => $"-l {name[2..]}",
        [_, _] => $"-s {name[1]}",
        _ => $"-o {name[1..]}",
    };

    /// <summary>A word for the shell, whatever is in it; shells differ in how a quote is written inside quotes.</summary>
    private static string Quote(string word, string quote = "'\\''") => $"'{word.Replace("'", quote, StringComparison.Ordinal)}'";

    private static string FirstSentence(string? text)
    {
        string line = (text ?? "").ReplaceLineEndings(" ");
        int end = line.IndexOf(". ", StringComparison.Ordinal);
        return (end < 0 ? line : line[..end]).TrimEnd('.');
    }

    private static void Line(StringBuilder script, string line) => script.Append(line).Append('\n');
}
