using System.CommandLine;
using System.CommandLine.Parsing;
using XeSvm.Cli.Execution;
using XeSvm.Costs;
using XeSvm.Measurement;
using XeSvm.Peers;
using XeSvm.Simulation.Iommu;
using XeSvm.Statistics;

namespace XeSvm.Cli.CommandLine;

/// <summary>The options of <c>measure</c>, and the request that they make.</summary>
internal sealed class MeasureOptions
{
    private const int MostMigrations = 10_000_000;
    private const string Layouts = "scattered, descending, runs:K, contiguous, contiguous-unaligned, huge or actual";

    private readonly Option<BackendChoice?> _backend = Options.Backend();

    private readonly Option<IReadOnlyList<SvmSizeClass>?> _sizes = Options.List(
        "--size",
        "Sizes of the ranges, repeated or separated by commas. Default: 2M,64K.",
        "2M, 64K, 4K",
        name => SvmSizeClass.TryParse(name, out SvmSizeClass? size) ? size : null);

    private readonly Option<IReadOnlyList<string>?> _strategies = Options.List(
        "--strategy",
        "How system pages are mapped, a list. Default: per-page,iova,iova-runs. Software backend only, as are all that follow.",
        string.Join(", ", MappingStrategy.All),
        name => MappingStrategy.All.FirstOrDefault(strategy => string.Equals(strategy, name, StringComparison.OrdinalIgnoreCase)));

    private readonly Option<IReadOnlyList<Choice<IommuMode>>?> _iommu = Options.List<IommuMode>(
        "--iommu",
        "The IOMMU's modes, a list. Default: strict, or that of the profile's calibration.",
        new("strict", IommuMode.Strict), new("lazy", IommuMode.Lazy), new("passthrough", IommuMode.Passthrough), new("off", IommuMode.Off));

    private readonly Option<IReadOnlyList<Choice<bool>>?> _walkers = Options.List<bool>(
        "--walker",
        "Whether the IOMMU's page walker sees the CPU's caches, a list. Default: coherent, or that of the profile's calibration.",
        new(CostSetup.CoherentName, true), new(CostSetup.NonCoherentName, false));

    private readonly Option<bool> _cachingMode = Flag(
        "--caching-mode", "The IOMMU may cache entries that are not present, as virtual ones do: lazy mode becomes strict.");

    private readonly Option<int?> _levels = Options.Number("--levels", "Levels of the I/O page table, 3 to 5. Default: 4.", 3, 5);

    private readonly Option<bool> _flushRegression = Flag(
        "--flush-regression",
        "An unmap flushes what it visited instead of what it changed, as kernels of early 2026 did. Shows on a non-coherent walker.");

    private readonly Option<IReadOnlyList<string>?> _layouts = Options.List(
        "--layout", $"How the pages lie in physical memory, a list: {Layouts}. Default: scattered.", "NAME", name => name);

    private readonly Option<int?> _migrations = Options.Number(
        "--migrations",
        $"Migrations per case. Default: {MeasurementPlan.DefaultMigrations}, with --matrix {MeasurementPlan.MatrixMigrations}.",
        1,
        MostMigrations);

    private readonly Option<IReadOnlyList<Choice<MigrationCause>>?> _cause = One(
        "--cause",
        "What makes memory move: GPU faults, or prefetches. Default: fault, or prefetch where the GT statistics cannot be read.",
        MeasurementNames.Causes);

    private readonly Option<IReadOnlyList<Choice<PageBacking>>?> _pages = One(
        "--pages",
        "What the memory consists of: pages of 4 KiB, or a transparent huge page for each range (sizes of 2M only). Default: small.",
        MeasurementNames.Pages);

    private readonly Option<IReadOnlyList<Choice<SampleUnit>>?> _unit = One(
        "--sample",
        "When the statistics are read: after each migration, which shows how times are distributed, or after each round of migrations " +
        "without a pause, as the published runs. Default: migration.",
        MeasurementNames.Units);

    private readonly Option<int?> _warmUp = Options.Number(
        "--warm-up", "Migrations that go ahead of each case and do not count. Default: what one round holds, at most 64.", 0, MostMigrations);

    private readonly Option<string?> _html = new("--html")
    {
        Description = "Writes a page for a browser beside the table: one file that needs no network.",
        HelpName = "FILE",
    };

    private readonly Option<string?> _profile = new("--profile")
    {
        Description = $"Adds time modelled from the counters by a cost profile: {string.Join(", ", CostModel.BuiltInNames)} or a file.",
        HelpName = "NAME|FILE",
    };

    private readonly Option<bool> _matrix = Flag(
        "--matrix", "Measures every combination of sizes, strategies, modes, walkers and layouts; what is given narrows it.");

    private readonly Option<bool> _explain = Flag(
        "--explain", "Shows what each modelled time is made of, how the flush regression explains the first baseline, and the profile's rows.");

    private readonly Option<string?> _json = new("--json")
    {
        Description = $"Writes the run record (schema {RunRecord.CurrentSchema}) to a file, or with - to the output instead of the table.",
        HelpName = "FILE",
    };

    private readonly Option<string?> _csv = new("--csv")
    {
        Description = "Writes one line per case to a file, or with - to the output instead of the table.",
        HelpName = "FILE",
    };

    /// <summary>The options of <c>--peers</c>.</summary>
    internal PeerOptions Peers { get; } = new();

    /// <summary>Adds the options to the command.</summary>
    /// <param name="command">The command.</param>
    /// <param name="record">The name of the record when the command is <c>record</c>: it has a place for the record, and no migrations between devices.</param>
    internal void AddTo(Command command, Argument<string>? record = null)
    {
        Option[] options =
        [
            _backend, _sizes, _strategies, _iommu, _walkers, _cachingMode, _levels, _flushRegression, _layouts, _migrations, _cause,
            _pages, _unit, _warmUp, _profile, _matrix, _explain, _json, _csv, _html,
        ];
        foreach (Option option in options.Where(option => record is null || (option != _json && option != _csv)))
        {
            command.Options.Add(option);
        }

        if (record is null)
        {
            Peers.AddTo(command, _sizes, _migrations, _json);
        }

        command.Validators.Add(result =>
        {
            if (result.GetResult(_explain) is not null && result.GetResult(_profile) is null)
            {
                result.AddError("--explain explains modelled time: it needs --profile.");
            }

            if (result.GetResult(_json)?.Tokens is [{ Value: MeasureRequest.StandardOutput }]
                && result.GetResult(_csv)?.Tokens is [{ Value: MeasureRequest.StandardOutput }])
            {
                result.AddError("--json - and --csv - cannot both have the output: give one of them a file.");
            }

            if (FilesOf(result, record).GroupBy(Path.GetFullPath, StringComparer.Ordinal).FirstOrDefault(same => same.Count() > 1) is { } twice)
            {
                result.AddError($"'{twice.First()}' cannot hold two outputs: give each a file of its own.");
            }
        });
    }

    /// <summary>What the arguments ask for.</summary>
    /// <exception cref="CostModelException">The profile cannot be used.</exception>
    internal MeasureRequest RequestOf(ParseResult parsed)
    {
        bool matrix = parsed.GetValue(_matrix);
        MeasurementPlan defaults = matrix ? MeasurementPlan.Matrix : new MeasurementPlan();
        MeasurementPlan plan = defaults with
        {
            Backend = parsed.GetValue(_backend),
            Sizes = parsed.GetValue(_sizes) ?? defaults.Sizes,
            Strategies = parsed.GetValue(_strategies) ?? defaults.Strategies,
            IommuModes = Values(parsed.GetValue(_iommu)) ?? defaults.IommuModes,
            CoherentWalkers = Values(parsed.GetValue(_walkers)) ?? defaults.CoherentWalkers,
            CachingMode = parsed.GetValue(_cachingMode) ? true : null,
            Levels = parsed.GetValue(_levels),
            FlushRegression = parsed.GetValue(_flushRegression) ? true : null,
            Layouts = parsed.GetValue(_layouts) ?? defaults.Layouts,
            Cause = Values(parsed.GetValue(_cause))?[0],
            Pages = Values(parsed.GetValue(_pages))?[0] ?? defaults.Pages,
            Unit = Values(parsed.GetValue(_unit))?[0] ?? defaults.Unit,
            WarmUp = parsed.GetValue(_warmUp),
            Migrations = parsed.GetValue(_migrations) ?? defaults.Migrations,
            Profile = parsed.GetValue(_profile) is { } profile ? CostModel.Load(profile) : null,
        };
        return new MeasureRequest(plan, matrix, parsed.GetValue(_explain), Given(_json), Given(_csv), parsed.GetValue(_html));

        // record has no such options.
        string? Given(Option<string?> option) => parsed.CommandResult.Command.Options.Contains(option) ? parsed.GetValue(option) : null;
    }

    /// <summary>What the arguments ask for with <c>--peers</c>.</summary>
    internal PeerMeasurementPlan PeerPlanOf(ParseResult parsed) =>
        Peers.PlanOf(parsed, parsed.GetValue(_sizes), parsed.GetValue(_migrations));

    /// <summary>Where the record goes, or null.</summary>
    internal string? JsonOf(ParseResult parsed) => parsed.GetValue(_json);

    private static Option<bool> Flag(string name, string description) => new(name) { Description = description };

    /// <summary>An option with one of a few names; a list of at most one, as a value that is missing has no name.</summary>
    private static Option<IReadOnlyList<Choice<T>>?> One<T>(string name, string description, IReadOnlyDictionary<string, T> names)
    {
        Option<IReadOnlyList<Choice<T>>?> option = Options.List(
            name, description, [.. names.Select(pair => new Choice<T>(pair.Key, pair.Value))]);
        option.Arity = ArgumentArity.ExactlyOne;
        option.Validators.Add(result =>
        {
            if (result.Tokens is [{ Value: { } value }] && value.Contains(',', StringComparison.Ordinal))
            {
                result.AddError($"{name} takes one value; valid: {string.Join(", ", names.Keys)}.");
            }
        });
        return option;
    }

    private static IReadOnlyList<T>? Values<T>(IReadOnlyList<Choice<T>>? choices) =>
        choices is null ? null : [.. choices.Select(choice => choice.Value)];

    /// <summary>The files that the outputs go to.</summary>
    private IEnumerable<string> FilesOf(CommandResult result, Argument<string>? record) =>
        new[] { result.GetResult(_json), result.GetResult(_csv), result.GetResult(_html) }
            .Select(option => option?.Tokens is [{ Value: { } value }] ? value : null)
            .Append(record is not null && result.GetResult(record)?.Tokens is [{ Value: { } name }] && RunRecordFiles.IsName(name) ? RunRecordFiles.PathOf(name) : null)
            .OfType<string>()
            .Where(path => path.Length > 0 && path != MeasureRequest.StandardOutput && !path.Contains('\0', StringComparison.Ordinal));
}

/// <summary>What <c>measure</c> is asked for.</summary>
/// <param name="Plan">What to measure.</param>
/// <param name="Matrix">Whether the table names the whole setup of each row.</param>
/// <param name="Explain">Whether modelled time is explained.</param>
/// <param name="Json">Where the record goes, or null.</param>
/// <param name="Csv">Where the lines go, or null.</param>
/// <param name="Html">Where the page goes, or null.</param>
internal sealed record MeasureRequest(MeasurementPlan Plan, bool Matrix, bool Explain, string? Json, string? Csv, string? Html)
{
    /// <summary>The place that stands for the output.</summary>
    internal const string StandardOutput = "-";
}
