using System.Globalization;
using System.Text;
using XeSvm.Measurement;
using XeSvm.Statistics;

namespace XeSvm.Cli.Rendering.Html;

/// <summary>
/// Records as one page: times, what they are made of, how they are distributed, counts, the machine. It holds all that it needs, runs no
/// script, and forbids the browser to load anything.
/// </summary>
internal sealed class HtmlReport
{
    /// <summary>A page with hundreds of charts is read by nobody.</summary>
    private const int MostCharts = 48;

    private const string Policy = "default-src 'none'; style-src 'unsafe-inline'";

    private readonly IReadOnlyList<ComparedRecord> _records;
    private readonly RunComparison? _comparison;
    private readonly HtmlPage _page = new();
    private readonly IReadOnlyList<(string Name, ComparedRecord Record, RunCase Row)> _cases;

    private HtmlReport(IReadOnlyList<ComparedRecord> records, RunComparison? comparison)
    {
        _records = records;
        _comparison = comparison;
        _cases =
        [
            .. records.SelectMany(record => record.Record.Cases.Select(row => (NameOf(records, record, row), record, row)))
                .GroupBy(one => one.row.Size).SelectMany(size => size),
        ];
    }

    /// <summary>The page of records, and of their comparison where there is one.</summary>
    internal static string Of(IReadOnlyList<ComparedRecord> records, RunComparison? comparison = null) => new HtmlReport(records, comparison).Write();

    private string Write()
    {
        string title = $"Migrations to the device: {string.Join(", ", _records.Select(record => record.Name))}";
        _page.Raw("<!DOCTYPE html>\n").Open("html", ("lang", "en")).Open("head");
        _page.Open("meta", ("charset", "utf-8")).Open("meta", ("name", "viewport"), ("content", "width=device-width, initial-scale=1"));
        _page.Open("meta", ("http-equiv", "Content-Security-Policy"), ("content", Policy));
        _page.Element("title", title).Open("style").Raw(StyleSheet()).Close("style").Close("head").Open("body");
        _page.Element("h1", title);
        WriteLabels();
        WriteComparison();
        Section("Times", WriteTimes);
        Section("What the time of one migration is made of", WriteBars);
        Section("How times are distributed", WriteHistograms);
        Section("Operations per migration", WriteCounters);
        Section("Machine", WriteMachine);
        WriteNotes();
        return _page.Close("body").Close("html").ToString();
    }

    private static string StyleSheet()
    {
        using Stream stream = typeof(HtmlReport).Assembly.GetManifestResourceStream("XeSvm.Cli.report.css")!;
        using StreamReader reader = new(stream, Encoding.UTF8);
        return reader.ReadToEnd();
    }

    /// <summary>A case's name among those of the page: what tells it from the others.</summary>
    private static string NameOf(IReadOnlyList<ComparedRecord> records, ComparedRecord record, RunCase row)
    {
        RunCase[] all = [.. records.SelectMany(one => one.Record.Cases)];
        (Func<RunCase, string?> Value, string Prefix)[] parts =
        [
            (one => one.Iommu, "IOMMU "), (one => one.Walker, ""), (one => one.Layout, ""), (one => one.Cause, ""), (one => one.Pages, "pages "),
        ];
        IEnumerable<string> more = parts
            .Where(part => all.Select(part.Value).Distinct().Count() > 1)
            .Select(part => part.Prefix + (part.Value(row) ?? Figures.None));
        return string.Join(", ", [.. records.Count > 1 ? [record.Name] : Array.Empty<string>(), row.Strategy, .. more]);
    }

    private void Section(string title, Action write)
    {
        _page.Open("section").Element("h2", title);
        write();
        _page.Close("section");
    }

    private void WriteLabels()
    {
        foreach (ComparedRecord record in _records)
        {
            RunRecord run = record.Record;
            string created = run.Created is { } time ? time.ToString("u", CultureInfo.InvariantCulture) : "time not recorded";
            _page.Element(
                "p",
                $"{record.Name}: {run.Backend} backend, {run.Device}, because {run.Reason}. IOMMU {Distinct(run, row => row.Iommu)}, page layout " +
                $"{Distinct(run, row => row.Layout)}, CPU faults {run.CpuFaults}. {run.Host.Cpu}, {run.Host.Processors} processors, Linux " +
                $"{run.Host.Kernel}, {run.Host.Runtime}. {created}.",
                ("class", "quiet"));
        }

        if (_records.Any(record => record.Record.Backend == "software"))
        {
            _page.Element(
                "p",
                "Software backend: times are of a host's processor running a model, never hardware figures. What carries over to hardware are the counts.",
                ("class", "label"));
        }

        foreach (ComparedRecord record in _records.Where(record => record.Record.Noise is { IsQuiet: false }))
        {
            _page.Element("p", RunNoiseText.Of(record.Name, record.Record.Noise!), ("class", "label"));
        }
    }

    private static string Distinct(RunRecord run, Func<RunCase, string> select) => string.Join(", ", run.Cases.Select(select).Distinct());

    private void WriteComparison()
    {
        if (_comparison is null)
        {
            return;
        }

        Section("Comparison", () =>
        {
            bool isForced = _comparison.Rows.Any(row => row.Unlike.Count > 0);
            TableModel table = new(
            [
                new("", "size", IsNumber: false), new("", "first", IsNumber: false), new("", "other", IsNumber: false), new("", "us, first"), new("", "us, other"),
                new("", "factor"), new("", "95 %"), new("", "verdict", IsNumber: false),
                .. isForced ? [new TableColumn("", "UNLIKE", IsNumber: false)] : Array.Empty<TableColumn>(),
            ]);
            foreach (ComparisonRow row in _comparison.Rows)
            {
                for (int index = 0; index < row.Changes.Count; index++)
                {
                    ComparisonChange change = row.Changes[index];
                    table.Add(
                    [
                        row.Size,
                        $"{_records[0].Name}, {row.Cases[0].Strategy}",
                        $"{_records[index + 1].Name}, {row.Cases[index + 1].Strategy}",
                        Figures.Microseconds(change.FirstUs),
                        Figures.Microseconds(change.OtherUs),
                        Figures.Factor((decimal?)change.Factor),
                        change.FactorInterval is { } interval ? string.Create(CultureInfo.InvariantCulture, $"{interval.Low:0.00} - {interval.High:0.00}") : Figures.None,
                        change.Verdict,
                        .. isForced ? [string.Join("; ", row.Unlike)] : Array.Empty<string>(),
                    ]);
                }
            }

            _page.Table(table);
            _page.Element("p", "Verdict: Welch's test on rounds of migrations, all rows together at 1 % (Holm).", ("class", "quiet"));
        });
    }

    private void WriteTimes()
    {
        TableModel table = new(
        [
            new("", "size", IsNumber: false), new("", "case", IsNumber: false), new("", "n"), new("", "cpu us"), new("", "cpu \u00b1"), new("", "copy us"),
            new("", "copy \u00b1"), new("", "whole us"), new("", "share"), new("", "published cpu us (hardware)"),
        ]);
        foreach ((string name, _, RunCase row) in _cases)
        {
            decimal? published = RowKinds.IsLikePublished(row) && SvmSizeClass.TryParse(row.Size, out SvmSizeClass? size)
                ? Figures.ToDecimal(PublishedFigures.Instance.Find(row.Strategy, size)?.CpuAverage)
                : null;
            table.Add(
                row.Size, name, row.Migrations.ToString(CultureInfo.InvariantCulture),
                Figures.Microseconds(row.Measured.CpuUs), Figures.Microseconds(row.Measured.CpuInterval?.HalfWidth),
                Figures.Microseconds(row.Measured.CopyUs), Figures.Microseconds(row.Measured.CopyInterval?.HalfWidth),
                Figures.Microseconds(row.Measured.MigrateUs), Figures.Share(row.Measured.Share), Figures.Microseconds(published));
        }

        _page.Table(table);
        _page.Element(
            "p",
            "cpu us = (migrate time - copy time) / migrations; share = cpu / migrate time; \u00b1 is half the 95 % confidence interval, from the spread " +
            "between rounds. Published: cover letter of the series, RFC v3, for comparison of the method only.",
            ("class", "quiet"));
    }

    private void WriteBars()
    {
        PhaseBars.Write(_page, [.. _cases.Take(MostCharts).Select(one => (one.Name, one.Row))]);
        WriteOmitted();
    }

    private void WriteHistograms()
    {
        if (_cases.All(one => one.Row.Samples is null))
        {
            _page.Element("p", "The records have no samples.", ("class", "quiet"));
            return;
        }

        _page.Open("div", ("class", "charts"));
        foreach ((string name, _, RunCase row) in _cases.Take(MostCharts))
        {
            TimeHistogram.Write(_page, name, row);
        }

        _page.Close("div");
        WriteOmitted();
    }

    private void WriteOmitted()
    {
        if (_cases.Count > MostCharts)
        {
            _page.Element("p", $"The first {MostCharts} of {_cases.Count} cases are drawn; the tables have all.", ("class", "quiet"));
        }
    }

    /// <summary>One line for each case and counter that is not 0: columns of their own for cases would not fit.</summary>
    private void WriteCounters()
    {
        if (_cases.All(one => one.Row.CounterTotals.Count == 0))
        {
            _page.Element("p", "The backend counts no operations.", ("class", "quiet"));
            return;
        }

        foreach (var size in _cases.GroupBy(one => one.Row.Size))
        {
            string[] names = [.. size.SelectMany(one => one.Row.CounterTotals).Where(counter => counter.Value != 0).Select(counter => counter.Key).Distinct()];
            foreach (var chunk in size.Chunk(6))
            {
                TableModel table = new([new("", $"{size.Key}", IsNumber: false), .. chunk.Select(one => new TableColumn("", one.Name))]);
                foreach (string name in names)
                {
                    table.Add(
                    [
                        name,
                        .. chunk.Select(one => Figures.Count(
                            one.Row.CounterTotals.TryGetValue(name, out ulong total) ? new ExactRatio(total, one.Row.Migrations) : null)),
                    ]);
                }

                _page.Element("h3", $"{size.Key} (exact, no clock involved)").Table(table);
            }
        }
    }

    private void WriteMachine()
    {
        string[] names = [.. _records.SelectMany(record => record.Record.Machine?.Keys ?? []).Distinct()];
        TableModel table = new(
            [new("", "fact", IsNumber: false), .. _records.Select(record => new TableColumn("", record.Name, IsNumber: false))]);
        foreach (string name in names)
        {
            table.Add([name, .. _records.Select(record => record.Record.Machine?.GetValueOrDefault(name) ?? Figures.None)]);
        }

        foreach (ComparedRecord record in _records.Where(record => record.Record.Noise is { IsQuiet: true }))
        {
            _page.Element("p", RunNoiseText.Of(record.Name, record.Record.Noise!));
        }

        _page.Table(table, "facts");
    }

    private void WriteNotes()
    {
        string[] notes = [.. _comparison?.Notes ?? _records.SelectMany(record => record.Record.Notes ?? [])];
        if (notes.Length == 0)
        {
            return;
        }

        Section("Notes", () =>
        {
            foreach (string note in notes)
            {
                _page.Element("p", note);
            }
        });
    }
}
