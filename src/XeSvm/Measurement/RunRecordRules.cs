using XeSvm.Costs;
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

        if (@case.Walker is not (null or CostSetup.CoherentName or CostSetup.NonCoherentName))
        {
            return $"walker {TextExcerpt.Quote(@case.Walker)} is not one of {CostSetup.CoherentName}, {CostSetup.NonCoherentName}";
        }

        if (@case.Counters.Values.Any(value => value < 0))
        {
            return "counters has a negative value";
        }

        return @case.Modelled is null ? null : ProblemOf(@case.Modelled);
    }

    private static string? ProblemOf(RunModelled modelled)
    {
        if (modelled.CpuUs < 0 || modelled.Units < 0 || modelled.Noise < 0)
        {
            return "modelled has a negative value";
        }

        int stated = (modelled.CpuUs is null ? 0 : 1) + (modelled.Units is null ? 0 : 1) + (modelled.Reason is null ? 0 : 1);
        return stated == 1 ? null : "modelled must have one of cpuUs, units and reason";
    }
}
