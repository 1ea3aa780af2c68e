using System.CommandLine;
using System.Globalization;
using XeSvm.Costs;

namespace XeSvm.Cli.CommandLine;

/// <summary>The options of <c>calibrate</c>, and the request that they make.</summary>
internal sealed class CalibrateOptions
{
    private readonly Option<string> _profile = new("--profile")
    {
        Description = $"The profile to begin with: {string.Join(", ", CostModel.BuiltInNames)} or a file.",
        HelpName = "NAME|FILE",
        Required = true,
    };

    private readonly Option<string[]> _rows = RowList("--rows", $"The rows to meet, a list: {CostRowSelection.Valid}.", required: true);

    private readonly Option<string[]> _check = RowList(
        "--check", "The rows to compare the fit with, named as for --rows. Default: all measured rows that are not fitted.", required: false);

    private readonly Option<double?> _fixed = new("--fixed")
    {
        Description =
            "Holds the cost that a migration pays once. Default: fitted when the rows have several sizes, else held as in the profile: " +
            "rows of one size cannot tell it.",
        HelpName = "COST",
        CustomParser = result =>
            double.TryParse(result.Tokens[0].Value, NumberStyles.Float, CultureInfo.InvariantCulture, out double cost)
            && cost >= 0 && double.IsFinite(cost)
                ? cost
                : Options.Refuse<double?>(result, "--fixed", result.Tokens[0].Value, "a number of 0 or more"),
    };

    private readonly Option<string?> _name = new("--name")
    {
        Description = "The fitted profile's name. Default: the profile's with -refit.",
        HelpName = "NAME",
    };

    private readonly Option<string?> _output = new("--output")
    {
        Description = "Writes the fitted profile to a file that --profile reads.",
        HelpName = "FILE",
    };

    /// <summary>Adds the options to the command.</summary>
    internal void AddTo(Command command)
    {
        foreach (Option option in new Option[] { _profile, _rows, _check, _fixed, _name, _output })
        {
            command.Options.Add(option);
        }
    }

    /// <summary>What the arguments ask for.</summary>
    internal CalibrateRequest RequestOf(ParseResult parsed) => new(
        parsed.GetRequiredValue(_profile),
        parsed.GetRequiredValue(_rows),
        parsed.GetValue(_check) is { Length: > 0 } check ? check : null,
        parsed.GetValue(_fixed),
        parsed.GetValue(_name) is { Length: > 0 } name ? name : null,
        parsed.GetValue(_output));

    private static Option<string[]> RowList(string name, string description, bool required) => new(name)
    {
        Description = description,
        HelpName = "ROWS",
        Required = required,
        Arity = ArgumentArity.OneOrMore,
        AllowMultipleArgumentsPerToken = true,
        CustomParser = result => [.. result.Tokens.SelectMany(token => token.Value.Split(',')).Select(item => item.Trim())],
    };
}

/// <summary>What <c>calibrate</c> is asked for.</summary>
internal sealed record CalibrateRequest(
    string Profile, IReadOnlyList<string> Rows, IReadOnlyList<string>? Check, double? FixedCost, string? Name, string? Output);
