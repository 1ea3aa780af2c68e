using System.Globalization;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace XeSvm.Samples.Tests;

/// <summary>Every sample runs to its end and says the truth, on the software backend always and on hardware where there is some.</summary>
public sealed partial class SampleTests
{
    private static readonly string[] s_samples =
        ["HelloSvm", "PrefetchAndAdvise", "MigrationPingPong", "OutOfCore", "SharedAtomics", "IovaGains"];

    public static TheoryData<string> Samples => [.. s_samples];

    [SkippableTheory]
    [MemberData(nameof(Samples))]
    public async Task Every_sample_runs_on_hardware(string name)
    {
        SampleRun run = await SampleRun.Of(name, "kernel");

        Skip.If(
            run.Error.Contains("No device of the kernel can be used", StringComparison.Ordinal),
            "there is no Intel GPU that mirrors CPU addresses");
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Contains("kernel", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Hello_svm_shows_the_gpus_value_beside_the_cpus()
    {
        SampleRun run = await Run("HelloSvm");

        Assert.Contains("element 1000 is 42 (the GPU's), element 1001 is 1 (the CPU's)", run.Output, StringComparison.Ordinal);
        Assert.Contains("svm_2M_migrate_count: 1", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Prefetch_and_advise_counts_what_it_says_that_it_expects()
    {
        SampleRun run = await Run("PrefetchAndAdvise");

        MatchCollection counts = FaultCounts().Matches(run.Output);
        Assert.Equal(["By fault", "Prefetched", "In parts", "Advised"], counts.Select(match => match.Groups["what"].Value.Trim()));
        Assert.All(counts, match => Assert.Equal(
            (match.Groups["expectedFaults"].Value, match.Groups["expectedMigrations"].Value),
            (match.Groups["faults"].Value, match.Groups["migrations"].Value)));
        Assert.Contains("preferred location system", run.Output, StringComparison.Ordinal);
        Assert.Contains("Unsupported ReadMostly: The xe driver has no attribute", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Migration_ping_pong_moves_all_of_it_each_turn_and_draws_what_it_measured()
    {
        string file = Path.GetTempFileName();
        try
        {
            SampleRun run = await Run("MigrationPingPong", "6", "--svg", file);

            Assert.Contains("(6 migrations of 2 MiB to VRAM, 12 MiB copied home)", run.Output, StringComparison.Ordinal);
            Assert.Contains("prefers the system: us a turn (0 migrations of 2 MiB to VRAM, 0 MiB copied home)", run.Output, StringComparison.Ordinal);
            Assert.Equal(12, run.Lines.Count(line => Turn().IsMatch(line)));
            XDocument drawing = XDocument.Parse(await File.ReadAllTextAsync(file));
            XElement[] bars = [.. drawing.Descendants().Where(element => element.Name.LocalName == "rect")];
            Assert.Equal(24, bars.Length);
            Assert.All(bars, bar =>
            {
                double x = Number(bar, "x");
                double bottom = Number(bar, "y") + Number(bar, "height");
                Assert.InRange(x, 60, 710);
                Assert.InRange(Number(bar, "y"), 60, 520);
                Assert.True(Math.Abs(bottom - 260) < 0.1 || Math.Abs(bottom - 520) < 0.1, $"a bar ends at {bottom}");
            });
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Theory]
    [InlineData("0")]
    [InlineData("many")]
    [InlineData("--svg")]
    public async Task Migration_ping_pong_says_how_it_is_called(string argument)
    {
        SampleRun run = await SampleRun.Of("MigrationPingPong", "software", argument);

        Assert.Equal(2, run.ExitCode);
        Assert.StartsWith("usage: MigrationPingPong", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Out_of_core_works_on_three_times_the_vram_with_fewer_faults_than_without_the_manager()
    {
        SampleRun run = await Run("OutOfCore");

        Match faults = OutOfCoreFaults().Match(run.Output);
        Assert.True(faults.Success, run.Output);
        int without = Parse(faults.Groups["without"].Value);
        int with = Parse(faults.Groups["with"].Value);
        Assert.True(with < without / 2, $"{with} faults with the manager, {without} without");
        Assert.Contains("192 MiB in all, 2 passes; prefetched 384 MiB", run.Output, StringComparison.Ordinal);
        Assert.Contains("left out 0 MiB", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Shared_atomics_lose_no_count()
    {
        SampleRun run = await Run("SharedAtomics");

        Match counter = Counter().Match(run.Output);
        Assert.True(counter.Success, run.Output);
        Assert.Equal(Parse(counter.Groups["counter"].Value), 2000 + Parse(counter.Groups["cpu"].Value));
        Assert.Contains("the GPU's atomic ends with EIO, the word is still 7", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Iova_gains_shows_exact_counts_and_the_modelled_gain()
    {
        SampleRun run = await Run("IovaGains");

        Dictionary<string, decimal[]> rows = run.Lines.Select(line => GainRow().Match(line)).Where(match => match.Success).ToDictionary(
            match => match.Groups["strategy"].Value,
            match => match.Groups["number"].Captures.Select(capture => decimal.Parse(capture.Value, CultureInfo.InvariantCulture)).ToArray());
        Assert.Equal([512m, 1024m, 512m, 512m], rows["per-page"][..4]);
        Assert.Equal([1m, 513m, 1m, 1m], rows["iova"][..4]);
        Assert.All(rows.Values, row => Assert.InRange(row[4] / row[5], 0.98m, 1.02m));
        Assert.Contains("modelled with profile xe-2026-01", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_sample_begins_with_what_its_reader_learns()
    {
        string root = SourceRoot();
        string[] found = [.. Directory.EnumerateFiles(Path.Combine(root, "samples"), "*.csproj", SearchOption.AllDirectories)
            .Select(file => Path.GetFileNameWithoutExtension(file))];

        // HostedApp has tests of its own, with the daemon.
        Assert.Equal(s_samples.Order(StringComparer.Ordinal), found.Where(name => name != "HostedApp").Order(StringComparer.Ordinal));
        foreach (string name in s_samples)
        {
            string program = File.ReadAllText(Path.Combine(root, "samples", name, "Program.cs"));
            Assert.StartsWith($"// {name}: ", program, StringComparison.Ordinal);
            Assert.Contains("// What you learn here:", program, StringComparison.Ordinal);
            Assert.Contains($"--project samples/{name}", program, StringComparison.Ordinal);
        }
    }

    private static string SourceRoot([System.Runtime.CompilerServices.CallerFilePath] string path = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(path)!, "..", ".."));

    private static async Task<SampleRun> Run(string name, params string[] arguments)
    {
        SampleRun run = await SampleRun.Of(name, "software", arguments);
        Assert.True(run.ExitCode == 0, $"{name} ended with {run.ExitCode}:\n{run.Output}{run.Error}");
        return run;
    }

    private static double Number(XElement element, string attribute) =>
        double.Parse(element.Attribute(attribute)!.Value, CultureInfo.InvariantCulture);

    private static int Parse(string number) => int.Parse(number, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^(?<what>.{11}) (?<faults>\d+) GPU faults \(expected (?<expectedFaults>\d+)\), (?<migrations>\d+) migrations of 2 MiB \(expected (?<expectedMigrations>\d+)\)", RegexOptions.Multiline)]
    private static partial Regex FaultCounts();

    [GeneratedRegex(@"^\s+\d+\s+\d+\.\d #*\s+\d+\.\d")]
    private static partial Regex Turn();

    [GeneratedRegex(@"GPU faults\s+(?<without>\d+) by faults alone, (?<with>\d+) with the manager")]
    private static partial Regex OutOfCoreFaults();

    [GeneratedRegex(@"Counter     (?<counter>\d+): 2000 of the GPU and (?<cpu>\d+) of the CPU make")]
    private static partial Regex Counter();

    [GeneratedRegex(@"^(?<strategy>per-page|iova) +((?<number>[\d.]+) *){6}$")]
    private static partial Regex GainRow();
}
