using System.CommandLine;
using System.Globalization;
using XeSvm.Measurement;
using XeSvm.Simulation.Iommu;
using XeSvm.Statistics;

namespace XeSvm.Cli.CommandLine;

/// <summary>The options of <c>measure</c>, and the plan that they make.</summary>
internal sealed class MeasureOptions
{
    private const int MostMigrations = 10_000_000;
    private const string Sizes = "2M, 64K, 4K";
    private const string IommuModes = "strict, lazy, passthrough, off";

    private readonly Option<BackendChoice?> _backend = Options.Backend();

    private readonly Option<IReadOnlyList<SvmSizeClass>?> _sizes = Options.List(
        "--size",
        "Sizes of the ranges, repeated or separated by commas. Default: 2M,64K.",
        Sizes,
        name => SvmSizeClass.TryParse(name, out SvmSizeClass? size) ? size : null);

    private readonly Option<IReadOnlyList<string>?> _strategies = Options.List(
        "--strategy",
        "How system pages are mapped, repeated or separated by commas. Default: all. Software backend only.",
        string.Join(", ", MappingStrategy.All),
        name => MappingStrategy.All.FirstOrDefault(strategy => string.Equals(strategy, name, StringComparison.OrdinalIgnoreCase)));

    private readonly Option<IommuMode?> _iommu = new("--iommu")
    {
        Description = "The IOMMU's mode. Default: strict. Software backend only.",
        HelpName = "strict|lazy|passthrough|off",
        CustomParser = result => ParseIommu(result.Tokens[0].Value)
            ?? Options.Refuse<IommuMode?>(result, "--iommu", result.Tokens[0].Value, IommuModes),
    };

    private readonly Option<string?> _layout = new("--layout")
    {
        Description =
            "How the pages lie in physical memory: scattered, descending, runs:K, contiguous, contiguous-unaligned or huge. Default: scattered. " +
            "Software backend only.",
        HelpName = "NAME",
    };

    private readonly Option<int> _migrations = new("--migrations")
    {
        Description = "Migrations per size and strategy.",
        HelpName = "N",
        DefaultValueFactory = _ => MeasurementPlan.DefaultMigrations,
        CustomParser = result =>
            int.TryParse(result.Tokens[0].Value, NumberStyles.None, CultureInfo.InvariantCulture, out int count)
            && count is >= 1 and <= MostMigrations
                ? count
                : Options.Refuse<int>(result, "--migrations", result.Tokens[0].Value, $"a whole number from 1 to {MostMigrations}"),
    };

    /// <summary><c>--json</c>: where the record goes.</summary>
    internal Option<string?> Json { get; } = new("--json")
    {
        Description = $"Writes the run record (schema {RunRecord.CurrentSchema}) to a file, or with - to the output instead of the table.",
        HelpName = "FILE",
    };

    /// <summary>Adds the options to the command.</summary>
    internal void AddTo(Command command)
    {
        foreach (Option option in new Option[] { _backend, _sizes, _strategies, _iommu, _layout, _migrations, Json })
        {
            command.Options.Add(option);
        }
    }

    /// <summary>The plan that the arguments ask for.</summary>
    internal MeasurementPlan PlanOf(ParseResult parsed)
    {
        MeasurementPlan plan = new()
        {
            Backend = parsed.GetValue(_backend),
            Strategies = parsed.GetValue(_strategies),
            IommuModes = parsed.GetValue(_iommu) is { } mode ? [mode] : null,
            Layouts = parsed.GetValue(_layout) is { } layout ? [layout] : null,
            Migrations = parsed.GetValue(_migrations),
        };
        return parsed.GetValue(_sizes) is { } sizes ? plan with { Sizes = sizes } : plan;
    }

    private static IommuMode? ParseIommu(string name) => name.ToLowerInvariant() switch
    {
        "strict" => IommuMode.Strict,
        "lazy" => IommuMode.Lazy,
        "passthrough" => IommuMode.Passthrough,
        "off" => IommuMode.Off,
        _ => null,
    };
}
