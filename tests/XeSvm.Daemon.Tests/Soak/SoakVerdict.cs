using System.Globalization;

namespace XeSvm.Daemon.Tests.Soak;

/// <summary>
/// Whether what a process holds grows: after a warm-up of a fifth, the median of the second half is held against that of the first. A median
/// does not see a single round that was measured before a connection was closed or a collection was due.
/// </summary>
/// <param name="First">The median of the first half.</param>
/// <param name="Second">The median of the second half.</param>
/// <param name="Count">How many samples there are.</param>
internal sealed record SoakVerdict(SoakSample First, SoakSample Second, int Count)
{
    private const int LeastSamples = 5;
    private const int LongSoak = 60;

    // Compiled code, a heap and a thread pool that find their sizes: only a long soak is behind them.
    private static readonly Growth s_ofStart = new(100, 5, 12, 200);
    private static readonly Growth s_later = new(12, 3, 4, 60);

    private const long MostDatabaseBytes = 12 << 20; // 1 MiB of rows as configured, and a write-ahead log that is cut back to 4 MiB

    /// <summary>What grew; empty when nothing did.</summary>
    internal IReadOnlyList<string> Findings
    {
        get
        {
            List<string> findings = [];
            void Check(string name, double first, double second, double most)
            {
                if (second - first > most)
                {
                    findings.Add(string.Create(CultureInfo.InvariantCulture, $"{name} grew from {first:F1} to {second:F1}; {most} more would be borne"));
                }
            }

            Growth most = Count < LongSoak ? s_ofStart : s_later;
            Check("RSS in MB", First.ResidentMegabytes, Second.ResidentMegabytes, most.Megabytes);
            Check("the number of descriptors", First.Descriptors, Second.Descriptors, most.Descriptors);
            Check("the number of threads", First.Threads, Second.Threads, most.Threads);
            Check("the number of mappings", First.Maps, Second.Maps, most.Maps);
            Check("the database in bytes", 0, Second.DatabaseBytes, MostDatabaseBytes);
            return findings;
        }
    }

    internal static SoakVerdict Of(IReadOnlyList<SoakSample> samples)
    {
        if (samples.Count < LeastSamples)
        {
            throw new ArgumentException($"{samples.Count} samples are too few to judge; {LeastSamples} are needed.", nameof(samples));
        }

        int warm = samples.Count / 5;
        int half = (samples.Count - warm) / 2;
        return new SoakVerdict(Median(samples.Skip(warm).Take(half)), Median(samples.Skip(warm + half)), samples.Count);
    }

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"RSS {First.ResidentMegabytes:F1} -> {Second.ResidentMegabytes:F1} MB, descriptors {First.Descriptors} -> {Second.Descriptors}, threads {First.Threads} -> {Second.Threads}, "
        + $"mappings {First.Maps} -> {Second.Maps}, database {First.DatabaseBytes / 1048576.0:F1} -> {Second.DatabaseBytes / 1048576.0:F1} MB");

    private static SoakSample Median(IEnumerable<SoakSample> samples)
    {
        SoakSample[] all = [.. samples];
        long Middle(Func<SoakSample, long> figure) => all.Select(figure).Order().ElementAt(all.Length / 2);
        return new SoakSample(
            all[^1].Round,
            Middle(sample => sample.ResidentBytes),
            (int)Middle(sample => sample.Descriptors),
            (int)Middle(sample => sample.Threads),
            (int)Middle(sample => sample.Maps),
            Middle(sample => sample.DatabaseBytes));
    }

    /// <summary>How much more is borne.</summary>
    private readonly record struct Growth(double Megabytes, int Descriptors, int Threads, int Maps);
}
