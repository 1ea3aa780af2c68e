using System.Globalization;
using XeSvm.Fuzz;
using Xunit.Abstractions;

namespace XeSvm.Simulation.Tests.Fuzz;

/// <summary>The finds of the fuzzer, again, and a short run with a new seed. XESVM_FUZZ_SECONDS says how long all runs take together.</summary>
[Collection(FuzzCollection.Name)]
public sealed class FuzzRunTests(ITestOutputHelper output)
{
    private const int DefaultSeconds = 20;

    public static TheoryData<string> Corpus => [.. Directory.GetFiles(CorpusFolder, "*.txt").Select(file => Path.GetFileName(file)).Order()];

    private static string CorpusFolder => Path.Combine(AppContext.BaseDirectory, "Fuzz", "Corpus");

    [Theory]
    [MemberData(nameof(Corpus))]
    public void A_sequence_of_the_corpus_does_no_harm(string file)
    {
        FuzzSequence sequence = FuzzSequence.Load(Path.Combine(CorpusFolder, file));
        Assert.NotEmpty(sequence.Calls);
        foreach (string cpuFaults in (string[])["auto", "coherent"])
        {
            FuzzResult result = FuzzRun.Replay(sequence, new FuzzOptions { CpuFaults = cpuFaults });
            Assert.Null(result.Find);
            Assert.Equal(sequence.Calls.Count, result.Calls);
        }
    }

    [Theory]
    [InlineData("auto", 1, 0.4)]
    [InlineData("coherent", 1, 0.2)]
    [InlineData("auto", 4, 0.4)]
    public void Random_sequences_do_no_harm(string cpuFaults, int threads, double share)
    {
        var options = new FuzzOptions { CpuFaults = cpuFaults, Threads = threads, Duration = TimeSpan.FromSeconds(Seconds() * share) };
        output.WriteLine($"seed {options.Seed}, {threads} threads, CPU faults {cpuFaults}");
        FuzzResult result = FuzzRun.Run(options);
        output.WriteLine($"{result.Calls} calls, {result.Successes} of them not refused, {result.Rate:f0} per second");
        Assert.True(result.Find is null, $"{result.Find}\n{string.Join('\n', result.Sequence?.Calls.Select(call => call.Format()) ?? [])}");
        Assert.True(result.Successes > result.Calls / 20, "Hardly any call got through the checks.");
    }

    private static int Seconds() =>
        Environment.GetEnvironmentVariable("XESVM_FUZZ_SECONDS") is { Length: > 0 } text
            ? int.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture)
            : DefaultSeconds;
}
