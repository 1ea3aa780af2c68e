using XeSvm.Statistics;

namespace XeSvm.Measurement;

/// <summary>
/// Two or more records side by side: what differs between the runs, exact counts, times, and whether a difference of times is more than
/// chance. The first record is what the others are held against.
/// </summary>
public sealed class RunComparison
{
    /// <summary>
    /// The significance level: the probability that any row is called different when nothing differs. Five times as strict as is common,
    /// because rounds of one run are a little alike, which no test sees.
    /// </summary>
    public const double Level = 0.01;

    /// <summary>The confidence of the factors' intervals.</summary>
    public const double Confidence = 0.95;

    private RunComparison(
        IReadOnlyList<ComparedRecord> records,
        IReadOnlyList<ComparedFact> differences,
        IReadOnlyList<ComparisonRow> rows,
        IReadOnlyList<string> notes)
    {
        Records = records;
        Differences = differences;
        Rows = rows;
        Notes = notes;
    }

    /// <summary>The records, with names of their own.</summary>
    public IReadOnlyList<ComparedRecord> Records { get; }

    /// <summary>What is not the same in all runs.</summary>
    public IReadOnlyList<ComparedFact> Differences { get; }

    /// <summary>The cases side by side, in the order of the first record.</summary>
    public IReadOnlyList<ComparisonRow> Rows { get; }

    /// <summary>Cases without a partner, noisy machines, notes of the records.</summary>
    public IReadOnlyList<string> Notes { get; }

    /// <summary>Compares records.</summary>
    /// <param name="records">At least two.</param>
    /// <param name="force">Whether cases are compared that are unlike in size, page layout, backend, cause, clock or pages; they are labelled.</param>
    /// <exception cref="RunComparisonException">There are fewer than two records, or no like cases in them.</exception>
    public static RunComparison Of(IReadOnlyList<ComparedRecord> records, bool force = false)
    {
        ArgumentNullException.ThrowIfNull(records);
        if (records.Count < 2)
        {
            throw new RunComparisonException($"A comparison needs at least two records; there is {records.Count}.");
        }

        IReadOnlyList<ComparedRecord> named = WithNamesOfTheirOwn(records);
        (List<RunCase[]> pairs, List<string> left) = ComparisonPairs.Find(named, force);
        if (pairs.Count == 0)
        {
            throw new RunComparisonException(
                $"There is nothing to compare: {ComparisonPairs.DescribeUnlikeness(named)}. Times of unlike things say nothing about what made them " +
                "differ. Measure again with the same options, or force the comparison: its rows are labelled as unlike then.");
        }

        return new RunComparison(
            named, ComparisonFacts.Differences(named), Judge([.. pairs.Select(pair => RowOf(named, pair))]), [.. left, .. ComparisonFacts.Notes(named)]);
    }

    private static List<ComparedRecord> WithNamesOfTheirOwn(IReadOnlyList<ComparedRecord> records)
    {
        List<ComparedRecord> named = [];
        foreach (ComparedRecord record in records)
        {
            string name = record.Name;
            for (int number = 2; named.Any(other => other.Name == name); number++)
            {
                name = $"{record.Name} ({number})";
            }

            named.Add(record with { Name = name });
        }

        return named;
    }

    private static ComparisonRow RowOf(IReadOnlyList<ComparedRecord> records, RunCase[] cases)
    {
        List<string> unlike = [];
        foreach ((string name, Func<RunRecord, RunCase, string> value) in ComparedAspects.Likeness)
        {
            string[] values = [.. records.Select((record, index) => value(record.Record, cases[index])).Distinct()];
            if (values.Length > 1)
            {
                unlike.Add($"{name} {string.Join(" against ", values)}");
            }
        }

        return new ComparisonRow(
            cases[0].Size, cases, [.. cases.Skip(1).Select(other => ChangeOf(cases[0], other))], ComparisonCounters.Of(cases), unlike);
    }

    private static ComparisonChange ChangeOf(RunCase first, RunCase other)
    {
        bool cpu = first.Measured.CpuUs is not null && other.Measured.CpuUs is not null;
        RatioEstimate? a = cpu ? first.Samples?.CpuTime() : first.Samples?.MigrateTime();
        RatioEstimate? b = cpu ? other.Samples?.CpuTime() : other.Samples?.MigrateTime();
        decimal from = TimeOf(first, cpu);
        decimal to = TimeOf(other, cpu);
        return new ComparisonChange(
            cpu ? "cpu" : "migrate",
            from,
            to,
            to == 0 ? null : (double)(from / to),
            a is null || b is null ? null : FactorInterval(a, b),
            a is null || b is null ? null : WelchTest.Compare(a, b)?.PValue,
            null);
    }

    private static decimal TimeOf(RunCase row, bool cpu) => cpu
        ? row.Measured.CpuUs!.Value
        : row.Measured.MigrateUs ?? (row.Measured.CpuUs ?? 0) + (row.Measured.CopyUs ?? 0);

    /// <summary>The interval of a / b from the relative errors of both: logarithms turn the ratio into a difference.</summary>
    private static ConfidenceInterval? FactorInterval(RatioEstimate a, RatioEstimate b)
    {
        if (!a.HasError || !b.HasError || !(a.Value > 0) || !(b.Value > 0))
        {
            return null;
        }

        double first = Math.Pow(a.StandardError / a.Value, 2);
        double second = Math.Pow(b.StandardError / b.Value, 2);
        double degrees = first + second == 0
            ? a.DegreesOfFreedom + b.DegreesOfFreedom
            : Math.Pow(first + second, 2) / (first * first / a.DegreesOfFreedom + second * second / b.DegreesOfFreedom);
        double reach = StudentDistribution.TwoSidedQuantile(Confidence, degrees) * Math.Sqrt(first + second);
        double factor = a.Value / b.Value;
        return new ConfidenceInterval(factor * Math.Exp(-reach), factor * Math.Exp(reach), Confidence);
    }

    /// <summary>Says of all tests together which are significant.</summary>
    private static List<ComparisonRow> Judge(IReadOnlyList<ComparisonRow> rows)
    {
        IReadOnlyList<bool> significant = WelchTest.Significant(
            [.. rows.SelectMany(row => row.Changes).Select(change => change.PValue).OfType<double>()], Level);
        int next = 0;
        return
        [
            .. rows.Select(row => row with
            {
                Changes = [.. row.Changes.Select(change => change.PValue is null ? change : change with { IsSignificant = significant[next++] })],
            }),
        ];
    }
}
