namespace XeSvm.Measurement;

/// <summary>Finds the cases of several records that belong together.</summary>
internal static class ComparisonPairs
{
    /// <summary>The cases side by side in the order of the first record, and in words those that have no partner.</summary>
    internal static (List<RunCase[]> Pairs, List<string> Left) Find(IReadOnlyList<ComparedRecord> records, bool force)
    {
        List<RunCase>[] left = [.. records.Select(record => record.Record.Cases.ToList())];
        List<RunCase[]> pairs = [];
        foreach (Func<RunRecord, RunCase, string> key in force ? ComparedAspects.ForcedKeys : ComparedAspects.Keys)
        {
            Pair(records, left, pairs, key);
        }

        while (force && left.All(cases => cases.Count > 0))
        {
            // What is left has no size in common: the order is all that says what belongs together.
            pairs.Add([.. left.Select(cases => cases[0])]);
            Array.ForEach(left, cases => cases.RemoveAt(0));
        }

        List<RunCase> order = [.. records[0].Record.Cases];
        return (
            [.. pairs.OrderBy(pair => order.FindIndex(row => ReferenceEquals(row, pair[0])))],
            [.. records.SelectMany((record, index) => left[index].Select(row => $"{record.Name}: {Describe(row)} has no partner in every other record."))]);
    }

    /// <summary>What keeps the records' cases apart, in words.</summary>
    internal static string DescribeUnlikeness(IReadOnlyList<ComparedRecord> records)
    {
        List<string> reasons = [];
        foreach ((string name, Func<RunRecord, RunCase, string> value) in ComparedAspects.Likeness)
        {
            string[][] values = [.. records.Select(record => record.Record.Cases.Select(row => value(record.Record, row)).Distinct().ToArray())];
            if (!values[0].Any(one => values.All(others => others.Contains(one))))
            {
                reasons.Add($"{name}: {string.Join(", ", records.Select((record, index) => $"{string.Join("/", values[index])} in {record.Name}"))}");
            }
        }

        return reasons.Count > 0
            ? string.Join("; ", reasons)
            : "no case of one record is like exactly one case of each other (size, page layout, cause, strategy and IOMMU taken together)";
    }

    private static void Pair(
        IReadOnlyList<ComparedRecord> records, List<RunCase>[] left, List<RunCase[]> pairs, Func<RunRecord, RunCase, string> key)
    {
        foreach (RunCase first in left[0].ToArray())
        {
            string wanted = key(records[0].Record, first);
            RunCase[][] alike = [.. left.Select((cases, index) => cases.Where(row => key(records[index].Record, row) == wanted).ToArray())];
            if (alike.All(cases => cases.Length == 1))
            {
                pairs.Add([.. alike.Select(cases => cases[0])]);
                for (int index = 0; index < left.Length; index++)
                {
                    left[index].RemoveAll(row => ReferenceEquals(row, alike[index][0]));
                }
            }
        }
    }

    private static string Describe(RunCase row) => $"{row.Size} {row.Strategy}, IOMMU {ComparedAspects.IommuOf(row)}, layout {row.Layout}";
}
