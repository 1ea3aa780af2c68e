using XeSvm.Statistics;

namespace XeSvm.Measurement;

/// <summary>Puts the counts of several cases side by side.</summary>
internal static class ComparisonCounters
{
    /// <summary>The sum of the two ways to get an address, which is exact whichever of them served.</summary>
    private const string Allocations = "iova_alloc";

    private static readonly string[] s_allocationParts = ["iova_alloc_magazine", "iova_alloc_tree"];

    /// <summary>
    /// Counts that depend on the state of the IOVA allocator: whether a magazine of this processor had an address (iova.c), and so where the
    /// address lay and whether its page table was there already.
    /// </summary>
    private static readonly string[] s_ofState = [.. s_allocationParts, "table_alloc", "table_free", "inval_lazy_full", "queue_entries"];

    /// <summary>The counters in the order in which they are first seen; the sum of address allocations comes first.</summary>
    internal static IReadOnlyList<ComparedCounter> Of(IReadOnlyList<RunCase> cases)
    {
        List<ComparedCounter> counters =
        [
            .. cases.SelectMany(row => row.CounterTotals.Keys).Distinct(StringComparer.Ordinal).Select(name => new ComparedCounter(
                name, [.. cases.Select(row => Count(row, [name]))], s_ofState.Contains(name))),
        ];
        if (s_allocationParts.All(part => counters.Any(counter => counter.Name == part)))
        {
            counters.Insert(0, new ComparedCounter(Allocations, [.. cases.Select(row => Count(row, s_allocationParts))]));
        }

        return counters;
    }

    private static ExactRatio? Count(RunCase row, string[] names) => names.All(row.CounterTotals.ContainsKey)
        ? new ExactRatio(names.Aggregate(System.Numerics.BigInteger.Zero, (sum, name) => sum + row.CounterTotals[name]), row.Migrations)
        : null;
}
