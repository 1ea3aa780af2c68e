using XeSvm.Costs;
using XeSvm.Statistics;

namespace XeSvm.Measurement;

/// <summary>
/// The rules of the record's schemas that types cannot express. Records come from other machines and people: what is read here is shown on
/// terminals and calculated with, so nothing may be in it that breaks either.
/// </summary>
internal static class RunRecordRules
{
    private const int MostCases = 20_000;
    private const int MostNames = 1_000;
    private const int MostSamples = 10_000_000;
    private const int LongestText = 2_000;

    /// <summary>Above eleven days in one migration: no time, but sums of ten million of them still fit.</summary>
    private const decimal LongestTime = 1e12m;

    private const long MostMigrations = 1_000_000_000;

    /// <summary>Counters per migration have six digits behind the point.</summary>
    private const decimal CounterPrecision = 0.000_001m;

    /// <summary>Checks a record that was read.</summary>
    /// <exception cref="RunRecordException">A rule is broken.</exception>
    internal static void Check(RunRecord record, string source)
    {
        if (ProblemOf(record) is { } recordProblem)
        {
            throw new RunRecordException($"{source}: {recordProblem}.");
        }

        for (int index = 0; index < record.Cases.Count; index++)
        {
            string? problem = ProblemOf(record.Cases[index]) ?? ProblemOfFirstSchema(record, record.Cases[index]);
            if (problem is not null)
            {
                throw new RunRecordException($"{source}: cases[{index}]: {problem}.");
            }
        }
    }

    private static string? ProblemOf(RunRecord record)
    {
        if (record.Cases.Count is 0 or > MostCases)
        {
            return $"cases has {record.Cases.Count} entries; valid are 1 to {MostCases}";
        }

        if (record.Noise is { } noise && (noise.LostShare is < 0 or > 1 || noise.LongestPauseUs is < 0 or > LongestTime || noise.LoadAverage < 0))
        {
            return "noise has a value that cannot be";
        }

        if (record.Machine?.Count > MostNames || record.Notes?.Count > MostNames)
        {
            return $"machine or notes has more than {MostNames} entries";
        }

        return Texts(record).Select(text => ProblemOfText(text.Name, text.Value)).FirstOrDefault(problem => problem is not null);
    }

    private static IEnumerable<(string Name, string? Value)> Texts(RunRecord record) =>
    [
        ("name", record.Name), ("backend", record.Backend), ("reason", record.Reason), ("device", record.Device),
        ("cpuFaults", record.CpuFaults), ("host.kernel", record.Host.Kernel), ("host.cpu", record.Host.Cpu),
        ("host.runtime", record.Host.Runtime), ("timeFaces.counters", record.TimeFaces.Counters),
        ("timeFaces.measured", record.TimeFaces.Measured), ("timeFaces.modelled", record.TimeFaces.Modelled),
        .. (record.Machine ?? new Dictionary<string, string>()).SelectMany(fact =>
            new[] { ("a name of machine", fact.Key), ("machine", (string?)fact.Value) }),
        .. (record.Notes ?? []).Select(note => ("notes", (string?)note)),
    ];

    private static string? ProblemOfText(string name, string? text)
    {
        if (text is null)
        {
            return name == "name" ? null : $"{name} has a null";
        }

        if (text.Length > LongestText)
        {
            return $"{name} has {text.Length} characters; at most {LongestText} are valid";
        }

        return text.Any(char.IsControl) ? $"{name} has control characters: {TextExcerpt.Quote(text)}" : null;
    }

    /// <summary>The first schema has no times that are not known.</summary>
    private static string? ProblemOfFirstSchema(RunRecord record, RunCase @case) =>
        record.Schema == RunRecord.FirstSchema && (@case.Measured.CpuUs is null || @case.Measured.CopyUs is null)
            ? $"measured has no cpuUs or no copyUs, which {RunRecord.FirstSchema} always has"
            : null;

    private static string? ProblemOf(RunCase? @case)
    {
        if (@case is null)
        {
            return "is null";
        }

        if (!SvmSizeClass.TryParse(@case.Size, out _))
        {
            return $"size {TextExcerpt.Quote(@case.Size)} is not one of 2M, 64K, 4K";
        }

        if (@case.Migrations < 1)
        {
            return $"migrations is {@case.Migrations}; it must be at least 1";
        }

        if (@case.Migrations > MostMigrations || @case.WarmUp < 0 || @case.Levels is < 0 or > 16)
        {
            return "migrations, warmUp or levels is a number that cannot be";
        }

        string? text = new (string Name, string? Value)[]
            {
                ("strategy", @case.Strategy), ("iommu", @case.Iommu), ("layout", @case.Layout), ("cause", @case.Cause ?? ""),
                ("clock", @case.Clock ?? ""), ("pages", @case.Pages ?? ""),
            }
            .Select(pair => ProblemOfText(pair.Name, pair.Value)).FirstOrDefault(problem => problem is not null);
        return text ?? ProblemOfNames(@case) ?? ProblemOfTimes(@case.Measured) ?? ProblemOfCounters(@case)
            ?? (@case.Samples is null ? null : ProblemOfSamples(@case, @case.Samples))
            ?? (@case.Modelled is null ? null : ProblemOf(@case.Modelled));
    }

    /// <summary>Values that come from a fixed list.</summary>
    private static string? ProblemOfNames(RunCase @case)
    {
        (string Name, string? Value, IEnumerable<string> Valid)[] fields =
        [
            ("walker", @case.Walker, [CostSetup.CoherentName, CostSetup.NonCoherentName]),
            ("cause", @case.Cause, MeasurementNames.Causes.Keys),
            ("clock", @case.Clock, [MeasurementNames.StatisticsClock, MeasurementNames.RequestClock]),
            ("pages", @case.Pages, MeasurementNames.Pages.Keys),
        ];
        return fields
            .Where(field => field.Value is not null && !field.Valid.Contains(field.Value))
            .Select(field => $"{field.Name} {TextExcerpt.Quote(field.Value)} is not one of {string.Join(", ", field.Valid)}")
            .FirstOrDefault();
    }

    private static string? ProblemOfTimes(RunMeasured measured)
    {
        decimal?[] times = [measured.CpuUs, measured.CopyUs, measured.MigrateUs];
        RunInterval?[] intervals = [measured.CpuInterval, measured.CopyInterval, measured.MigrateInterval];
        if (times.Any(time => time < 0))
        {
            return "measured has a negative time";
        }

        if (times.Any(time => time > LongestTime)
            || intervals.Any(interval => interval is not null && (interval.Low < 0 || interval.High < interval.Low || interval.High > LongestTime)))
        {
            return "measured has a time or an interval that cannot be";
        }

        if (measured.CpuUs is null && measured.MigrateUs is null)
        {
            return "measured has neither cpuUs nor migrateUs";
        }

        if (measured.Share is < 0 or > 1)
        {
            return $"share is {measured.Share}; it must lie between 0 and 1";
        }

        return measured.Confidence is <= 0 or >= 1 ? $"confidence is {measured.Confidence}; it must lie between 0 and 1" : null;
    }

    private static string? ProblemOfCounters(RunCase @case)
    {
        if (@case.Counters.Count > MostNames || @case.CounterTotals.Count > MostNames || @case.Phases?.Count > MostNames)
        {
            return $"counters, counterTotals or phases has more than {MostNames} entries";
        }

        foreach (string name in @case.Counters.Keys.Concat(@case.CounterTotals.Keys).Concat(@case.Phases?.Keys ?? []))
        {
            if (ProblemOfText("the name of a counter", name) is { } problem)
            {
                return problem;
            }
        }

        if (@case.Counters.Values.Any(value => value < 0))
        {
            return "counters has a negative value";
        }

        foreach ((string name, decimal value) in @case.Counters)
        {
            if (@case.CounterTotals.TryGetValue(name, out ulong total) && Math.Abs((decimal)total / @case.Migrations - value) > CounterPrecision)
            {
                return $"counters says {value} {TextExcerpt.Quote(name)} per migration, but counterTotals {total} in {@case.Migrations} migrations";
            }
        }

        return null;
    }

    private static string? ProblemOfSamples(RunCase @case, RunSamples samples)
    {
        if (samples.Count is 0 or > MostSamples || samples.PerRound < 1)
        {
            return $"samples has {samples.Count} entries, {samples.PerRound} a round; valid are 1 to {MostSamples}, at least 1 a round";
        }

        if ((samples.CopyUs ?? samples.MigrateUs).Count != samples.Count || (samples.Migrations ?? samples.MigrateUs).Count != samples.Count)
        {
            return "samples has lists of different lengths";
        }

        long migrations = 0;
        for (int index = 0; index < samples.Count; index++)
        {
            long count = samples.Migrations?[index] ?? 1;
            if (samples.MigrateUs[index] is < 0 or > (long)LongestTime || samples.CopyUs?[index] < 0
                || samples.CopyUs?[index] > samples.MigrateUs[index] || count is < 1 or > MostMigrations)
            {
                return $"samples has an entry {index} that cannot be";
            }

            migrations += count;
        }

        return migrations == @case.Migrations ? null : $"samples has {migrations} migrations, the case {@case.Migrations}";
    }

    private static string? ProblemOf(RunModelled modelled)
    {
        if (modelled.CpuUs < 0 || modelled.Units < 0 || modelled.Noise < 0)
        {
            return "modelled has a negative value";
        }

        if (modelled.Terms?.Any(term => (RunModelledTerm?)term is null) == true)
        {
            return "modelled has a term that is null";
        }

        (string, string?)[] texts =
        [
            ("profile", modelled.Profile), ("unit", modelled.Unit), ("reason", modelled.Reason ?? ""),
            .. (modelled.Terms ?? []).Select(term => ("the name of a term", (string?)term.Name)),
        ];
        if (texts.Select(text => ProblemOfText(text.Item1, text.Item2)).FirstOrDefault(problem => problem is not null) is { } problem)
        {
            return problem;
        }

        int stated = (modelled.CpuUs is null ? 0 : 1) + (modelled.Units is null ? 0 : 1) + (modelled.Reason is null ? 0 : 1);
        return stated == 1 ? null : "modelled must have one of cpuUs, units and reason";
    }
}
