using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

namespace XeSvm.Cli.CommandLine;

/// <summary>Options that several commands have, and how lists and names are read.</summary>
internal static class Options
{
    /// <summary><c>--backend</c>; null when it is not given.</summary>
    internal static Option<BackendChoice?> Backend() => new("--backend")
    {
        Description = $"auto, kernel or software. Without it, {XeBackends.EnvironmentVariable} decides, and then auto.",
        HelpName = "auto|kernel|software",
        CustomParser = result => XeBackends.TryParse(result.Tokens[0].Value, out BackendChoice choice)
            ? choice
            : Refuse<BackendChoice?>(result, "--backend", result.Tokens[0].Value, "auto, kernel, software"),
    };

    /// <summary><c>--cpu-faults</c> of commands that serve a software device; null when it is not given.</summary>
    internal static Option<string?> CpuFaults() => new("--cpu-faults")
    {
        Description =
            "How a CPU touch of memory in VRAM is noticed. userfaultfd: memory that migrates leaves the program's page table, and a touch brings it " +
            "home; userfaultfd-user-mode: the same without privileges, where a system call that meets such memory gets EFAULT; coherent: the GPU " +
            "works on the program's pages. Without it, XESVM_CPU_FAULTS decides, and then auto, which is coherent here.",
        HelpName = "auto|userfaultfd|userfaultfd-user-mode|coherent",
    };

    /// <summary><c>--json</c> of commands whose result is one object.</summary>
    internal static Option<bool> JsonToOutput() => new("--json") { Description = "Prints JSON instead of text." };

    /// <summary>A statistics file that must be given.</summary>
    internal static Option<string> StatisticsFile(string name, string description) =>
        new(name) { Description = description, HelpName = "FILE", Required = true };

    /// <summary>An option whose values are names, repeated or separated by commas; null when it is not given.</summary>
    /// <param name="name">The option's name.</param>
    /// <param name="description">What it is for.</param>
    /// <param name="valid">The valid names, for messages.</param>
    /// <param name="find">Finds what a name stands for; null for an unknown name.</param>
    internal static Option<IReadOnlyList<T>?> List<T>(string name, string description, string valid, Func<string, T?> find)
        where T : class => new(name)
        {
            Description = description,
            HelpName = valid.Replace(", ", "|", StringComparison.Ordinal),
            Arity = ArgumentArity.OneOrMore,
            CustomParser = result =>
            {
                List<T> values = [];
                foreach (string item in result.Tokens.SelectMany(token => token.Value.Split(',')).Select(item => item.Trim()))
                {
                    if (find(item) is not { } value)
                    {
                        return Refuse<IReadOnlyList<T>?>(result, name, item, valid);
                    }

                    if (!values.Contains(value))
                    {
                        values.Add(value);
                    }
                }

                return values;
            },
        };

    /// <summary>As <see cref="List{T}(string, string, string, Func{string, T})"/>, of values with fixed names.</summary>
    internal static Option<IReadOnlyList<Choice<T>>?> List<T>(string name, string description, params Choice<T>[] choices) => List(
        name,
        description,
        string.Join(", ", choices.Select(choice => choice.Name)),
        given => Array.Find(choices, choice => string.Equals(choice.Name, given, StringComparison.OrdinalIgnoreCase)));

    /// <summary>A number with a valid range; null when the option is not given.</summary>
    internal static Option<int?> Number(string name, string description, int least, int most) => new(name)
    {
        Description = description,
        HelpName = "N",
        CustomParser = result =>
            int.TryParse(result.Tokens[0].Value, NumberStyles.None, CultureInfo.InvariantCulture, out int number)
            && number >= least && number <= most
                ? number
                : Refuse<int?>(result, name, result.Tokens[0].Value, $"a whole number from {least} to {most}"),
    };

    /// <summary>Reports a value that is not valid, with those that are.</summary>
    internal static T? Refuse<T>(ArgumentResult result, string option, string value, string valid)
    {
        result.AddError($"'{value}' is not valid for {option}; valid: {valid}.");
        return default;
    }
}

/// <summary>A value and its name on the command line.</summary>
internal sealed record Choice<T>(string Name, T Value);
