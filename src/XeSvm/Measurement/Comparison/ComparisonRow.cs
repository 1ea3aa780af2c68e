using XeSvm.Statistics;

namespace XeSvm.Measurement;

/// <summary>A record with the name that the comparison gives it.</summary>
/// <param name="Name">The name: the record's own, or its file's.</param>
/// <param name="Record">The record.</param>
public sealed record ComparedRecord(string Name, RunRecord Record);

/// <summary>One case of each record, side by side.</summary>
/// <param name="Size">The ranges' size in the first record.</param>
/// <param name="Cases">One case for each record, in their order.</param>
/// <param name="Changes">How each record after the first differs from the first.</param>
/// <param name="Counters">The operations that were counted, one entry for each name.</param>
/// <param name="Unlike">What makes the cases unlike, in words; empty for like ones. Only a forced comparison has such rows.</param>
public sealed record ComparisonRow(
    string Size,
    IReadOnlyList<RunCase> Cases,
    IReadOnlyList<ComparisonChange> Changes,
    IReadOnlyList<ComparedCounter> Counters,
    IReadOnlyList<string> Unlike);

/// <summary>How the time of one migration changed from the first record to another.</summary>
/// <param name="Time">What is compared: <c>cpu</c>, the time outside the copy, or <c>migrate</c>, the whole, where the copy's part is not known.</param>
/// <param name="FirstUs">The first record's time, in us.</param>
/// <param name="OtherUs">The other's, in us.</param>
/// <param name="Factor">The first over the other: above 1 is faster; null when the other is 0.</param>
/// <param name="FactorInterval">The factor's confidence interval; null without samples.</param>
/// <param name="PValue">How probable such a difference is by chance (Welch, rounds as the unit); null without samples in both records.</param>
/// <param name="IsSignificant">
/// Whether it is more than chance, all rows of the comparison taken together; null when that cannot be told.
/// </param>
public sealed record ComparisonChange(
    string Time, decimal FirstUs, decimal OtherUs, double? Factor, ConfidenceInterval? FactorInterval, double? PValue, bool? IsSignificant)
{
    /// <summary>The change in a word or two.</summary>
    public string Verdict => IsSignificant switch
    {
        null => "cannot be told",
        false => "no difference shown",
        true => OtherUs < FirstUs ? "faster" : "slower",
    };
}

/// <summary>Operations per migration of each record.</summary>
/// <param name="Name">The counter.</param>
/// <param name="PerMigration">Exact counts, one for each record; null where a record does not count it.</param>
/// <param name="DependsOnState">
/// Whether the count depends on what the IOVA caches held and on which processor the threads ran: two runs of the same work may differ in it.
/// </param>
public sealed record ComparedCounter(string Name, IReadOnlyList<ExactRatio?> PerMigration, bool DependsOnState = false)
{
    /// <summary>Whether all records have the same count.</summary>
    public bool IsSame => PerMigration.Distinct().Count() == 1;
}

/// <summary>Something about the runs that is not the same in all records.</summary>
/// <param name="Name">What it is.</param>
/// <param name="Values">One value for each record; null where a record does not say.</param>
public sealed record ComparedFact(string Name, IReadOnlyList<string?> Values);
