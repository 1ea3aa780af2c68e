using System.Globalization;
using XeSvm.Measurement;
using XeSvm.Statistics;

namespace XeSvm.Cli.Rendering;

/// <summary>The figures of records in the form of the patch series' cover letter.</summary>
internal static class CoverLetter
{
    /// <summary>One block for each record and strategy: a heading, and a line for each size.</summary>
    internal static IEnumerable<string> Lines(IReadOnlyList<ComparedRecord> records)
    {
        foreach (ComparedRecord record in records)
        {
            var groups = record.Record.Cases
                .Where(row => RowKinds.IsLikePublished(row) && row.Measured.CpuUs is not null)
                .GroupBy(row => (row.Strategy, row.Iommu, row.Walker, row.Layout))
                .ToList();
            foreach (var group in groups)
            {
                string which = groups.Count == 1 ? "" : $", {group.Key.Strategy}, IOMMU {group.Key.Iommu} {group.Key.Walker}, layout {group.Key.Layout}";
                yield return $"{record.Name}{which}: CPU time during {string.Join(" / ", group.Select(row => row.Size))} fault with a migration:";
                foreach (RunCase row in group)
                {
                    yield return $"Average migrate {row.Size} cpu time (us, percentage): {Digits(row.Measured.CpuUs)}, {Digits(row.Measured.Share)}";
                }
            }
        }
    }

    /// <summary>Twenty digits behind the point and no 0 before it, as bc prints.</summary>
    private static string Digits(decimal? value)
    {
        if (value is not { } number)
        {
            return Figures.None;
        }

        string text = number.ToString($"F{MigrationTimes.PublishedDigits}", CultureInfo.InvariantCulture);
        return text.StartsWith("0.", StringComparison.Ordinal) ? text[1..] : text;
    }
}
