using System.Globalization;

using XeSvm.Simulation.Tests.Svm.Torture;

namespace XeSvm.Benchmarks.Torture;

/// <summary>The long form of the torture test: by default five minutes in each CPU-fault mode. Exit code 0 when nothing is wrong, 1 else, 2 usage.</summary>
internal static class TortureProgram
{
    public const string Verb = "torture";

    private const string Usage = """
        torture [--seconds N] [--migrations N] [--cpu-faults auto|coherent|both] [--seed N]

          --seconds N      how long at least, in each mode (default 300)
          --migrations N   how many migrations of faults at least, in each mode (default 0)
          --cpu-faults M   how CPU touches of VRAM are noticed (default both, one after the other)
          --seed N         of all that is random (default: of the clock)
        """;

    /// <summary>Runs it.</summary>
    public static int Run(ReadOnlySpan<string> args)
    {
        double seconds = 300;
        long migrations = 0;
        int seed = Environment.TickCount & 0xfffffff;
        string mode = "both";
        for (int i = 0; i < args.Length; i += 2)
        {
            string value = i + 1 < args.Length ? args[i + 1] : "";
            bool valid = args[i] switch
            {
                "--seconds" => double.TryParse(value, CultureInfo.InvariantCulture, out seconds) && seconds is > 0 and <= 86400,
                "--migrations" => long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out migrations),
                "--seed" => int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out seed),
                "--cpu-faults" => (mode = value) is "auto" or "coherent" or "both",
                _ => false,
            };
            if (!valid)
            {
                Console.Error.WriteLine($"torture: '{args[i]} {value}' is not valid.\n{Usage}");
                return 2;
            }
        }

        bool good = true;
        foreach (string cpuFaults in mode == "both" ? ["auto", "coherent"] : (string[])[mode])
        {
            good &= RunOne(cpuFaults, seed, TimeSpan.FromSeconds(seconds), migrations);
        }

        return good ? 0 : 1;
    }

    private static bool RunOne(string cpuFaults, int seed, TimeSpan length, long migrations)
    {
        Console.WriteLine($"== torture, CPU faults {cpuFaults}, seed {seed}");
        using var session = new TortureSession(cpuFaults, seed);
        session.Torture(length, migrations, sample => Console.WriteLine(sample.ToString()));
        string[] findings = [.. session.Findings()];
        foreach (string line in session.Summary().Concat(findings.Select(finding => "WRONG: " + finding)))
        {
            Console.WriteLine(line);
        }

        Console.WriteLine(findings.Length == 0 ? "nothing wrong" : $"{findings.Length} findings");
        return findings.Length == 0;
    }
}
