using System.Text.RegularExpressions;
using XeSvm.Cli.Rendering.Html;
using XeSvm.Measurement;

namespace XeSvm.Cli.Tests.Browser;

/// <summary>The page, as a browser draws it.</summary>
public sealed class HtmlReportTests : IDisposable
{
    private static readonly PageView[] s_views =
        [new("narrow", 400), new("tablet", 800), new("wide", 1600), new("print", 718, "print"), new("dark", 1600, "dark"), new("dark, narrow", 400, "dark")];

    private readonly TestFolder _folder = new();

    [SkippableFact]
    public void Nothing_overlaps_is_cut_or_hard_to_read_at_any_width_in_either_scheme_and_on_paper()
    {
        Skip.If(Chromium.Path is null, Chromium.SkipReason);
        foreach (string html in new[] { HtmlReport.Of([Records[0]]), HtmlReport.Of(Records, RunComparison.Of(Records)) })
        {
            IReadOnlyList<PageLayout> layouts = PageLayout.Of(_folder, html, s_views);

            Assert.Equal(s_views.Length, layouts.Count);
            foreach ((PageView view, PageLayout layout) in s_views.Zip(layouts))
            {
                Assert.True(layout.Texts.Length > 60, $"{view.Name}: {layout.Texts.Length} texts are visible");
                Assert.True(layout.ScrollWidth <= view.Width, $"{view.Name}: {layout.ScrollWidth} px wide");
                Assert.True(layout.Outside.Length == 0, $"{view.Name}, outside: {string.Join(" | ", layout.Outside)}");
                Assert.True(layout.Overlapping.Length == 0, $"{view.Name}, overlapping: {string.Join(" | ", layout.Overlapping)}");
                Assert.True(layout.Clipped.Length == 0, $"{view.Name}, clipped: {string.Join(" | ", layout.Clipped)}");
                Assert.True(layout.LowContrast.Length == 0, $"{view.Name}, low contrast: {string.Join(" | ", layout.LowContrast)}");
            }
        }
    }

    [SkippableFact]
    public void On_paper_every_word_is_there_inside_the_margins_and_apart_from_others_and_no_heading_stands_alone()
    {
        Skip.If(Chromium.Path is null, Chromium.SkipReason);
        Skip.If(PrintedPage.Reader is null, PrintedPage.SkipReason);
        const double Margin = 18;
        string html = HtmlReport.Of(Records, RunComparison.Of(Records));
        string file = _folder.PathOf("report.pdf");
        Chromium.Print(_folder, _folder.Write("report.html", html), file);

        IReadOnlyList<PrintedPage> sheets = PrintedPage.Read(file);

        Assert.InRange(sheets.Count, 1, 8);
        foreach (PrintedPage sheet in sheets)
        {
            Assert.All(sheet.Words, word => Assert.True(
                word.Left >= Margin && word.Right <= sheet.Width - Margin && word.Top >= Margin && word.Bottom <= sheet.Height - Margin, $"{word} of {sheet.Width} x {sheet.Height}"));
            Assert.Empty(sheet.Words.SelectMany((word, index) => sheet.Words.Skip(index + 1).Where(word.Overlaps).Select(other => $"{word} / {other}")));
        }

        string[] printed = [.. sheets.SelectMany(sheet => sheet.Words).Select(word => word.Text)];
        PageLayout screen = PageLayout.Of(_folder, html, new PageView("print", 718, "print")).Single();
        Assert.Empty(screen.Texts.SelectMany(text => text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)).Distinct().Except(printed));
        string[] headings = [.. Regex.Matches(html, "<h[23][^>]*>([^<]+)</h").Select(match => match.Groups[1].Value.Split(' ')[^1])];
        Assert.True(headings.Length > 3, $"{headings.Length} headings");
        Assert.All(sheets, sheet => Assert.DoesNotContain(sheet.Words[^1].Text, headings));
    }

    [SkippableFact]
    public void The_bars_and_columns_are_as_long_as_the_figures_say()
    {
        Skip.If(Chromium.Path is null, Chromium.SkipReason);

        PageLayout layout = PageLayout.Of(_folder, HtmlReport.Of([Records[0]]), new PageView("wide", 1600)).Single();

        // 2M: cpu 300, copy 200, pages 9, bind 10, rest 21 of 540 us, the longest of its size; 64K: cpu 50, copy 25.
        Assert.Equal(3, layout.Bars.Length);
        double[] longest = layout.Bars[0];
        Assert.Equal([300 / 540.0, 200 / 540.0, 9 / 540.0, 10 / 540.0, 21 / 540.0], longest[..^1].Select(width => width / longest[^1]), Close);
        Assert.Equal([150 / 540.0, 200 / 540.0], layout.Bars[1][..^1].Select(width => width / layout.Bars[1][^1]), Close);
        Assert.Equal([50 / 75.0, 25 / 75.0], layout.Bars[2][..^1].Select(width => width / layout.Bars[2][^1]), Close);

        // 2M per-page: 490 to 509 us, each four times but 490, which is there eight times.
        double[] columns = layout.Charts[0];
        Assert.Equal(columns.Max(), columns[0]);
        Assert.All(columns[1..^1], height => Assert.InRange(height / columns[0], 0.4, 0.6));
        Assert.All(["552.36", "300.00", "software:0", "inval_strict", "512", "6.18.44"], text =>
            Assert.Contains(layout.Texts, shown => shown.Contains(text, StringComparison.Ordinal)));
    }

    [SkippableFact]
    public void What_a_hostile_record_says_is_shown_and_not_obeyed_and_long_words_break()
    {
        Skip.If(Chromium.Path is null, Chromium.SkipReason);
        const string Attack = "<script>document.body.textContent='taken over'</script>\"><img src=x onerror=alert(1)>&lt;";
        string word = new('W', 400);
        RunRecord record = Records[0].Record with
        {
            Name = Attack,
            Device = word,
            Host = new RunHost(Attack, word, 2, ".NET"),
            Machine = new Dictionary<string, string> { [word] = word, [Attack] = Attack },
            Notes = [word, Attack],
            Cases = [.. Records[0].Record.Cases.Select(row => row with { Strategy = row.Strategy + word[..100], Counters = new Dictionary<string, decimal>(), CounterTotals = new Dictionary<string, ulong> { [word] = 1 } })],
        };

        IReadOnlyList<PageLayout> layouts = PageLayout.Of(_folder, HtmlReport.Of([new ComparedRecord(Attack, record)]), s_views);

        Assert.All(layouts, layout =>
        {
            Assert.Contains(Attack, layout.Texts);
            Assert.DoesNotContain("taken over", layout.Texts);
            Assert.Empty(layout.Outside);
            Assert.Empty(layout.Overlapping);
        });
    }

    [Fact]
    public void The_page_asks_nothing_of_a_network_and_runs_nothing()
    {
        string html = HtmlReport.Of(Records, RunComparison.Of(Records));

        Assert.All(["http://", "https://", "<script", "<link", "<img", "@import", "url(", "src="], text =>
            Assert.DoesNotContain(text, html, StringComparison.OrdinalIgnoreCase));
        Assert.Contains("default-src &#39;none&#39;", html, StringComparison.Ordinal);
    }

    /// <summary>Keeps what it looks like beside the test's other results, for people.</summary>
    [SkippableTheory]
    [InlineData(400)]
    [InlineData(1600)]
    public void A_picture_is_kept(int width)
    {
        Skip.If(Chromium.Path is null, Chromium.SkipReason);
        PageView[] views = [new("light", width), new("dark", width, "dark")];
        foreach (PageView view in views)
        {
            // The browser's own window is not as narrow as a telephone: a frame is.
            string page = _folder.Write("frame.html",
                $"<!DOCTYPE html><body style=\"margin:0\"><iframe width=\"{width}\" height=\"3000\" style=\"border:0\" srcdoc=\"" +
                $"{System.Net.WebUtility.HtmlEncode(PageLayout.Apply(HtmlReport.Of(Records, RunComparison.Of(Records)), view))}\"></iframe>");
            string file = Path.Combine(AppContext.BaseDirectory, $"report-{view.Name}-{width}.png");
            File.Delete(file);

            Chromium.Draw(_folder, page, width, 3000, file);

            Assert.InRange(new FileInfo(file).Length, 20_000, 20_000_000);
        }
    }

    public void Dispose() => _folder.Dispose();

    private static ComparedRecord[] Records { get; } =
    [
        new("before", Record("before", [Case("2M", "per-page", 300, 200, true), Case("2M", "iova", 150, 200, false), Case("64K", "per-page", 50, 25, false)])),
        new("after", Record("after", [Case("2M", "per-page", 200, 200, true), Case("2M", "iova", 150, 200, false), Case("64K", "per-page", 50, 25, false)])),
    ];

    private static bool Close(double expected, double actual) => Math.Abs(expected - actual) < 0.004;

    private static RunRecord Record(string name, IReadOnlyList<RunCase> cases) => new()
    {
        Name = name,
        Created = new DateTimeOffset(2026, 1, 28, 12, 0, 0, TimeSpan.Zero),
        Backend = "software",
        Reason = "the program or its command line asks for it",
        Device = "software:0",
        CpuFaults = "full",
        Host = new RunHost("6.18.44", "AMD EPYC 9654 96-Core Processor", 2, ".NET 10.0.12"),
        Machine = new Dictionary<string, string>
        {
            ["kernel.release"] = "6.18.44",
            ["kernel.parameters"] = "intel_iommu=on iommu.strict=1 transparent_hugepage=madvise mitigations=auto,no_guest_host,no_guest_guest",
            ["iommu.mode"] = "strict",
        },
        Noise = new RunNoise(0.013m, 161, 7.5m, false),
        Notes = name == "after" ? ["The GT statistics cannot be read: a note that is as long as notes are, and says what to do about it."] : null,
        Cases = cases,
    };

    private static RunCase Case(string size, string strategy, int cpu, int copy, bool hasPhases)
    {
        // Between 10 us below and 9 above, each four times, the least eight times.
        long[] times = [.. Enumerable.Range(0, 84).Select(index => (long)(cpu + copy + (index < 80 ? index % 20 - 10 : -10)))];
        decimal mean = times.Sum() / 84m;
        return new RunCase
        {
            Size = size,
            Strategy = strategy,
            Iommu = "strict",
            Layout = "scattered",
            Walker = "coherent",
            Cause = "fault",
            Pages = "small",
            Clock = "gt-statistics",
            Migrations = 84,
            Counters = new Dictionary<string, decimal> { ["inval_strict"] = 512, ["iova_alloc_tree"] = 1 },
            CounterTotals = new Dictionary<string, ulong> { ["inval_strict"] = 84 * 512, ["iova_alloc_tree"] = 84 },
            Phases = hasPhases ? new Dictionary<string, ulong> { ["pagefault_us"] = 84 * (ulong)(cpu + copy + 40), ["get_pages_us"] = 84 * 9, ["bind_us"] = 84 * 10 } : null,
            Measured = new RunMeasured(cpu, copy, cpu / (decimal)(cpu + copy)) { MigrateUs = cpu + copy, Confidence = 0.95m, CpuInterval = new RunInterval(cpu - 5, cpu + 5) },
            Samples = new RunSamples(6, times, [.. times.Select(_ => (long)copy - 10)]),
        };
    }
}
