using System.Globalization;

namespace XeSvm.Measurement;

/// <summary>What differs between runs besides their figures, and what a reader must know of each.</summary>
internal static class ComparisonFacts
{
    /// <summary>What is not the same in all records: the subject of the comparison, and what else could explain a difference.</summary>
    internal static IReadOnlyList<ComparedFact> Differences(IReadOnlyList<ComparedRecord> records)
    {
        List<ComparedFact> facts =
        [
            Fact("backend", record => record.Backend),
            Fact("device", record => record.Device),
            Fact("strategy", record => Distinct(record, row => row.Strategy)),
            Fact("iommu", record => Distinct(record, ComparedAspects.IommuOf)),
            Fact("page layout", record => Distinct(record, row => row.Layout)),
            Fact("migrations", record => Distinct(record, row => row.Migrations.ToString(CultureInfo.InvariantCulture))),
            Fact("kernel", record => record.Host.Kernel),
            Fact("cpu", record => record.Host.Cpu),
            Fact("processors", record => record.Host.Processors.ToString(CultureInfo.InvariantCulture)),
            Fact("runtime", record => record.Host.Runtime),
            .. records.SelectMany(record => record.Record.Machine?.Keys ?? [])
                .Distinct(StringComparer.Ordinal)
                .Where(name => name is not ("kernel.release" or "cpu.model"))
                .Select(name => Fact(name, record => record.Machine?.GetValueOrDefault(name))),
        ];
        return [.. facts.Where(fact => fact.Values.Distinct().Count() > 1)];

        ComparedFact Fact(string name, Func<RunRecord, string?> value) => new(name, [.. records.Select(record => value(record.Record))]);
    }

    /// <summary>What makes figures of a record weak, and its own notes.</summary>
    internal static IEnumerable<string> Notes(IReadOnlyList<ComparedRecord> records)
    {
        foreach (ComparedRecord record in records)
        {
            if (record.Record.Noise is { IsQuiet: false } noise)
            {
                yield return RunNoiseText.Of(record.Name, noise);
            }

            foreach (RunCase row in record.Record.Cases.Where(row => row.Samples?.Drifted(RunComparison.Level) == true))
            {
                yield return $"{record.Name}: the first and the second half of {row.Size} {row.Strategy} differ: the machine was not the same all the time.";
            }

            if (record.Record.Cases.Any(row => row.Samples is null))
            {
                yield return $"{record.Name}: the record has no samples (schema {record.Record.Schema}), so it cannot be told whether a difference is more than chance.";
            }

            foreach (string note in record.Record.Notes ?? [])
            {
                yield return $"{record.Name}: {note}";
            }
        }
    }

    private static string Distinct(RunRecord record, Func<RunCase, string> select) => string.Join(", ", record.Cases.Select(select).Distinct());
}
