using System.Diagnostics;
using System.Globalization;

namespace XeSvm.Fuzz;

/// <summary>
/// Lets a process of its own do the run, as what it looks for may end it: then the sequence that was under way is known, is made smaller by
/// processes that replay it, and is written to a file.
/// </summary>
internal static class FuzzSupervisor
{
    private static readonly TimeSpan s_replayPatience = TimeSpan.FromSeconds(30);

    /// <summary>Runs: 0 nothing found, else 1.</summary>
    /// <param name="options">What to run.</param>
    /// <param name="arguments">The same as arguments.</param>
    public static int Run(FuzzOptions options, IEnumerable<string> arguments)
    {
        Directory.CreateDirectory(options.Folder);
        string current = CurrentPath(options.Folder);
        int code = Start(["work", .. arguments], Timeout.InfiniteTimeSpan);
        if (code == 0)
        {
            return 0;
        }

        Console.Error.WriteLine($"The run ended with {code}.");
        if (options.Threads == 1 && File.Exists(current))
        {
            long index = long.Parse(File.ReadAllText(current), CultureInfo.InvariantCulture);
            FuzzSequence sequence = SequenceGenerator.Create(SequenceGenerator.SeedOf(options.Seed, index), 0, options.Length);
            string name = string.Create(CultureInfo.InvariantCulture, $"find-{options.Seed:x}-{index}.txt");
            Minimise(sequence, Path.Combine(options.Folder, name), options);
        }

        return 1;
    }

    /// <summary>Makes a sequence smaller and writes it to a file; as it is, when it does nothing bad alone.</summary>
    public static void Minimise(FuzzSequence sequence, string path, FuzzOptions options)
    {
        string candidate = Path.Combine(options.Folder, "candidate.txt");
        bool Fails(FuzzSequence smaller)
        {
            smaller.Save(candidate, "A candidate.");
            return Start(["replay", candidate, "--cpu-faults", options.CpuFaults], s_replayPatience) != 0;
        }

        bool alone = Fails(sequence);
        FuzzSequence smallest = alone ? new Minimiser(Fails).Minimise(sequence) : sequence;
        smallest.Save(path, alone ? "Made smaller." : "Does nothing bad when it is run alone.");
        Console.Error.WriteLine($"{smallest.Calls.Count} of {sequence.Calls.Count} steps are in {path}.");
    }

    /// <summary>Where a run notes which sequence it is at.</summary>
    public static string CurrentPath(string folder) => Path.Combine(folder, "current.txt");

    private static int Start(IEnumerable<string> arguments, TimeSpan patience)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { UseShellExecute = false };
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet")
        {
            start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "XeSvm.Fuzz.dll"));
        }

        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        using Process process = Process.Start(start)!;
        if (!process.WaitForExit(patience))
        {
            process.Kill();
            process.WaitForExit();
            return FuzzWatchdog.ExitCode;
        }

        return process.ExitCode;
    }
}
