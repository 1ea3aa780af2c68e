using System.Globalization;

namespace XeSvm.Daemon.Tests.Soak;

/// <summary>What a process holds at one moment.</summary>
/// <param name="Round">The round that came before.</param>
/// <param name="ResidentBytes">Resident memory.</param>
/// <param name="Descriptors">Open file descriptors.</param>
/// <param name="Threads">Threads.</param>
/// <param name="Maps">Mappings of its address space.</param>
/// <param name="DatabaseBytes">Size of the history's database with its write-ahead log.</param>
internal readonly record struct SoakSample(int Round, long ResidentBytes, int Descriptors, int Threads, int Maps, long DatabaseBytes)
{
    internal double ResidentMegabytes => ResidentBytes / 1048576.0;

    /// <summary>Reads <c>/proc/PID</c>.</summary>
    internal static SoakSample Take(int round, int process, string database)
    {
        string folder = string.Create(CultureInfo.InvariantCulture, $"/proc/{process}/");
        string[] status = File.ReadAllLines(folder + "status");
        return new SoakSample(
            round,
            Number("VmRSS:") * 1024,
            Directory.GetFiles(folder + "fd").Length,
            (int)Number("Threads:"),
            File.ReadLines(folder + "maps").Count(),
            new FileInfo(database).Length + (new FileInfo(database + "-wal") is { Exists: true } log ? log.Length : 0));

        long Number(string name) => long.Parse(
            status.Single(line => line.StartsWith(name, StringComparison.Ordinal))[name.Length..].Replace("kB", "", StringComparison.Ordinal), CultureInfo.InvariantCulture);
    }

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"RSS {ResidentMegabytes:F1} MB, {Descriptors} descriptors, {Threads} threads, {Maps} mappings, database {DatabaseBytes / 1048576.0:F1} MB");
}
