using System.Diagnostics;
using System.Globalization;
using XeSvm.Daemon.Tests.Soak;

namespace XeSvm.Benchmarks.Daemon;

/// <summary>The long form of the daemon's soak: an hour unless told otherwise. Exit code 0 when nothing grew and nothing failed, 1 else, 2 usage.</summary>
internal static class SoakProgram
{
    public const string Verb = "soak";

    private const string Usage = """
        soak [--seconds N] [--program FILE]

          --seconds N      how long, 10 to 86400 (default 3600)
          --program FILE   a built or published xesvmd (default: the one of this build)
        """;

    private static readonly TimeSpan s_pace = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_report = TimeSpan.FromMinutes(1);

    /// <summary>Runs it.</summary>
    public static async Task<int> RunAsync(string[] args)
    {
        double seconds = 3600;
        string? program = null;
        for (int i = 0; i < args.Length; i += 2)
        {
            string value = i + 1 < args.Length ? args[i + 1] : "";
            bool valid = args[i] switch
            {
                "--seconds" => double.TryParse(value, CultureInfo.InvariantCulture, out seconds) && seconds is >= 10 and <= 86400,
                "--program" => File.Exists(program = Path.GetFullPath(value.Length > 0 ? value : ".")),
                _ => false,
            };
            if (!valid)
            {
                Console.Error.WriteLine($"soak: '{args[i]} {value}' is not valid.\n{Usage}");
                return 2;
            }
        }

        await using SoakSession session = await SoakSession.StartAsync(program);
        long begin = Stopwatch.GetTimestamp();
        TimeSpan length = TimeSpan.FromSeconds(seconds);
        TimeSpan nextReport = TimeSpan.Zero;
        using PeriodicTimer timer = new(s_pace);
        do
        {
            SoakSample sample = await session.RoundAsync();
            if (Stopwatch.GetElapsedTime(begin) >= nextReport)
            {
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{Stopwatch.GetElapsedTime(begin).TotalSeconds,6:F0} s, round {sample.Round}: {sample}"));
                nextReport += s_report;
            }
        }
        while (Stopwatch.GetElapsedTime(begin) < length && await timer.WaitForNextTickAsync());

        string verdict = SoakVerdict.Of(session.Samples).ToString();
        IReadOnlyList<string> findings = await session.FinishAsync();
        foreach (string finding in findings)
        {
            Console.WriteLine($"WRONG: {finding}");
        }

        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"soak of {Stopwatch.GetElapsedTime(begin).TotalSeconds:F0} s, {session.Samples.Count} rounds, {session.Answers} answers: {verdict}: {(findings.Count == 0 ? "nothing wrong" : $"{findings.Count} findings")}"));
        return findings.Count == 0 ? 0 : 1;
    }
}
