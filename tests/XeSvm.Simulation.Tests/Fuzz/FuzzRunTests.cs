using XeSvm.Fuzz;

namespace XeSvm.Simulation.Tests.Fuzz;

/// <summary>The finds of the fuzzer, again.</summary>
[Collection(FuzzCollection.Name)]
public sealed class FuzzRunTests
{
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
}
