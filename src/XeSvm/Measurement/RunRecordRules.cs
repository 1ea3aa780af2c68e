using XeSvm.Statistics;

namespace XeSvm.Measurement;

/// <summary>The rules of schema <c>xesvm.run/1</c> that JSON itself cannot express.</summary>
internal static class RunRecordRules
{
    /// <summary>Checks a record that was read.</summary>
    /// <exception cref="RunRecordException">A rule is broken.</exception>
    internal static void Check(RunRecord record, string source)
    {
        for (int index = 0; index < record.Cases.Count; index++)
        {
            RunCase @case = record.Cases[index];
            string? problem = ProblemOf(@case);
            if (problem is not null)
            {
                throw new RunRecordException($"{source}: cases[{index}]: {problem}.");
            }
        }
    }

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

        if (@case.Measured.CpuUs < 0 || @case.Measured.CopyUs < 0)
        {
            return "measured has a negative time";
        }

        if (@case.Measured.Share is < 0 or > 1)
        {
            return $"share is {@case.Measured.Share}; it must lie between 0 and 1";
        }

        return @case.Counters.Values.Any(value => value < 0) ? "counters has a negative value" : null;
    }
}
