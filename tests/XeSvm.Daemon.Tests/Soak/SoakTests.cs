using System.Diagnostics;
using System.Globalization;
using Xunit.Abstractions;

namespace XeSvm.Daemon.Tests.Soak;

public sealed class SoakTests(ITestOutputHelper output)
{
    private const int LeastRounds = 8;

    [Fact]
    public async Task Scraped_probed_and_reloaded_for_long_it_holds_no_more_memory_descriptors_and_threads()
    {
        // Some seconds in every run of the tests; './build.sh bench soak' is the hour.
        double seconds = double.TryParse(Environment.GetEnvironmentVariable("XESVM_SOAK_SECONDS"), CultureInfo.InvariantCulture, out double asked) ? asked : 0;
        await using SoakSession session = await SoakSession.StartAsync();
        long begin = Stopwatch.GetTimestamp();
        while (session.Samples.Count < LeastRounds || Stopwatch.GetElapsedTime(begin).TotalSeconds < seconds)
        {
            await session.RoundAsync();
        }

        output.WriteLine($"{session.Samples.Count} rounds, {session.Answers} answers: {SoakVerdict.Of(session.Samples)}");
        Assert.Empty(await session.FinishAsync());
    }

    [Fact]
    public void What_grows_is_found_and_what_moves_up_and_down_is_not()
    {
        SoakSample flat = new(0, 100 << 20, 60, 20, 700, 1 << 20);
        SoakSample[] noisy = [.. Enumerable.Range(0, 100).Select(round => flat with { ResidentBytes = flat.ResidentBytes + (round % 7 << 20), Descriptors = 60 + (round % 5) })];

        Assert.Empty(SoakVerdict.Of(noisy).Findings);
        Assert.Single(SoakVerdict.Of([.. noisy.Select((sample, round) => sample with { ResidentBytes = sample.ResidentBytes + (round << 19) })]).Findings);
        Assert.Single(SoakVerdict.Of([.. noisy.Select((sample, round) => sample with { Descriptors = sample.Descriptors + (round / 10) })]).Findings);
        Assert.Single(SoakVerdict.Of([.. noisy.Select((sample, round) => sample with { Threads = sample.Threads + (round / 8) })]).Findings);
        Assert.Single(SoakVerdict.Of([.. noisy.Select((sample, round) => sample with { Maps = sample.Maps + (2 * round) })]).Findings);
        Assert.Single(SoakVerdict.Of([.. noisy.Select(sample => sample with { DatabaseBytes = 20 << 20 })]).Findings);
        Assert.Throws<ArgumentException>(() => SoakVerdict.Of([flat]));
    }
}
