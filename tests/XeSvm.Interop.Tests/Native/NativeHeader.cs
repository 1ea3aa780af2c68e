using System.Text.RegularExpressions;

namespace XeSvm.Interop.Tests.Native;

/// <summary>What xesvm_native.h declares: the yardstick for the bindings.</summary>
internal sealed partial class NativeHeader
{
    private NativeHeader(string text)
    {
        string code = Comments().Replace(text, " ");
        foreach (Match match in Defines().Matches(code))
        {
            Constants.Add(match.Groups["name"].Value, match.Groups["value"].Value.Trim());
        }

        foreach (Match match in Structs().Matches(code))
        {
            Structures.Add(
                match.Groups["name"].Value,
                [.. Fields().Matches(match.Groups["body"].Value).Select(field =>
                    (field.Groups["type"].Value, field.Groups["name"].Value, field.Groups["count"].Value))]);
        }

        foreach (Match match in Functions().Matches(code))
        {
            string[] parameters = match.Groups["parameters"].Value.Trim() is "void"
                ? []
                : [.. match.Groups["parameters"].Value.Split(',').Select(WithoutName)];
            Exports.Add(match.Groups["name"].Value, [match.Groups["result"].Value, .. parameters]);
        }
    }

    /// <summary>Macros with a value, as written.</summary>
    public Dictionary<string, string> Constants { get; } = new(StringComparer.Ordinal);

    /// <summary>Fields of each struct, in order: type, name, and for an array its count.</summary>
    public Dictionary<string, (string Type, string Name, string Count)[]> Structures { get; } = new(StringComparer.Ordinal);

    /// <summary>Result type and parameter types of each export, without const.</summary>
    public Dictionary<string, string[]> Exports { get; } = new(StringComparer.Ordinal);

    public static NativeHeader Load() => new(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "xesvm_native.h")));

    private static string WithoutName(string parameter)
    {
        string type = LastWord().Replace(parameter.Trim(), string.Empty);
        return type.Replace("const ", string.Empty, StringComparison.Ordinal)
            .Replace("struct ", string.Empty, StringComparison.Ordinal)
            .Replace(" ", string.Empty, StringComparison.Ordinal);
    }

    [GeneratedRegex(@"/\*.*?\*/", RegexOptions.Singleline)]
    private static partial Regex Comments();

    [GeneratedRegex(@"^#define (?<name>XESVM_\w+) +(?<value>[^_\n]+)$", RegexOptions.Multiline)]
    private static partial Regex Defines();

    [GeneratedRegex(@"^struct (?<name>xesvm_\w+) \{(?<body>[^}]*)\};", RegexOptions.Multiline)]
    private static partial Regex Structs();

    [GeneratedRegex(@"(?<type>\w+) (?<name>\w+)(\[(?<count>\d+)\])?;")]
    private static partial Regex Fields();

    [GeneratedRegex(@"^XESVM_EXPORT (?<result>\w+) (?<name>\w+)\((?<parameters>[^)]*)\);", RegexOptions.Multiline)]
    private static partial Regex Functions();

    [GeneratedRegex(@"\w+$")]
    private static partial Regex LastWord();
}
