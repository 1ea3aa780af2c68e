using System.CommandLine;

namespace XeSvm.Cli.Documentation;

/// <summary>A command as its documentation sees it; all that is printed about commands comes from the tree of commands itself.</summary>
/// <param name="Path">The names from below the root to the command; empty for the root.</param>
/// <param name="Command">The command.</param>
/// <param name="Options">Its options, in their order; those that the root gives to all commands come last.</param>
internal sealed record CommandNode(IReadOnlyList<string> Path, Command Command, IReadOnlyList<OptionNode> Options)
{
    /// <summary>The names of the commands below it.</summary>
    internal IEnumerable<string> Subcommands => Command.Subcommands.Where(command => !command.Hidden).Select(command => command.Name);

    /// <summary>The path in one string.</summary>
    internal string PathText => string.Join(' ', Path);

    /// <summary>The root and all commands below it, each before those below it.</summary>
    internal static IReadOnlyList<CommandNode> All(Command root)
    {
        List<CommandNode> nodes = [];
        Add(root, [], []);
        return nodes;

        void Add(Command command, IReadOnlyList<string> path, IReadOnlyList<Option> inherited)
        {
            Option[] own = [.. command.Options.Where(option => !option.Hidden)];
            nodes.Add(new CommandNode(path, command, [.. own.Concat(inherited).Distinct().Select(option => new OptionNode(option))]));
            foreach (Command child in command.Subcommands.Where(child => !child.Hidden))
            {
                Add(child, [.. path, child.Name], [.. inherited, .. own.Where(option => option.Recursive)]);
            }
        }
    }
}

/// <summary>An option as its documentation sees it.</summary>
/// <param name="Option">The option.</param>
internal sealed record OptionNode(Option Option)
{
    /// <summary>Its names, the long one first; without <c>-?</c>, which shells take for a pattern.</summary>
    internal IReadOnlyList<string> Names { get; } =
    [
        .. Option.Aliases.Prepend(Option.Name).Where(name => name.StartsWith('-') && name != "-?").Distinct()
            .OrderByDescending(name => name.Length),
    ];

    /// <summary>Whether a value follows.</summary>
    internal bool TakesValue => Option.Arity.MaximumNumberOfValues > 0 && Option.ValueType != typeof(bool);

    /// <summary>Whether a file can follow.</summary>
    internal bool TakesFile => TakesValue && Words.Contains("FILE");

    /// <summary>What the help text calls the value; empty without one.</summary>
    internal string ValueName => TakesValue ? Option.HelpName ?? Option.Name.TrimStart('-').ToUpperInvariant() : "";

    /// <summary>The values that can be offered: words of the help text that stand for themselves.</summary>
    internal IEnumerable<string> Values => Words.Length > 1 ? Words.Where(word => !IsPlaceholder(word)) : [];

    /// <summary>What it is for, in one line.</summary>
    internal string Description => (Option.Description ?? "").ReplaceLineEndings(" ");

    private string[] Words => TakesValue ? ValueName.Split('|') : [];

    private static bool IsPlaceholder(string word) => word.All(char.IsAsciiLetterUpper);
}
