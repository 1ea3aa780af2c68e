using System.Globalization;

namespace XeSvm.Fuzz;

/// <summary>The fuzzer of the software driver.</summary>
internal static class Program
{
    private const int Usage = 2;

    private const string Help = """
        usage: XeSvm.Fuzz run [OPTIONS]              run random sequences; what is found is made smaller and written to a file
               XeSvm.Fuzz replay FILE... [OPTIONS]   run the sequences of files
               XeSvm.Fuzz replay --seed N --sequence I [FILE]
                                                     run one sequence of a run again, and write it to a file
               XeSvm.Fuzz minimise FILE [OPTIONS]    make a sequence smaller that does something bad
          --seed N           what the sequences are a function of (default: from the clock; it is printed)
          --seconds N        how long (default 60)
          --calls N          how many steps at most
          --length N         steps of a sequence (default 40)
          --threads N        1: with the state audit (default); up to 16: on shared files
          --cpu-faults MODE  auto (default), userfaultfd, userfaultfd-user-mode or coherent
          --patience N       seconds that a step may take (default 60)
          --out FOLDER       where finds and the count of answers are written to (default: fuzz-finds)
        exit codes: 0 nothing found, 1 something found, 2 usage, 3 a step hangs
        """;

    private static int Main(string[] arguments)
    {
        var files = new List<string>();
        if (arguments.Length == 0 || !TryParse(arguments.AsSpan(1), out FuzzOptions options, files))
        {
            Console.Error.WriteLine(Help);
            return Usage;
        }

        try
        {
            Directory.CreateDirectory(options.Folder);
            return Execute(arguments, options, files);
        }
        catch (Exception exception) when (exception is FormatException or OverflowException or IOException or UnauthorizedAccessException)
        {
            Console.Error.WriteLine(exception.Message);
            return Usage;
        }
    }

    private static int Execute(string[] arguments, FuzzOptions options, List<string> files)
    {
        switch (arguments[0])
        {
            case "run":
                Console.WriteLine($"seed {options.Seed}");
                return FuzzSupervisor.Run(options, [.. arguments.Skip(1), "--seed", options.Seed.ToString(CultureInfo.InvariantCulture)]);
            case "work":
                return Work(options);
            case "replay" when options.Sequence is { } index && files.Count <= 1:
                return ReplaySeed(options, index, files.FirstOrDefault());
            case "replay" when files.Count > 0:
                return files.Sum(file => Report(FuzzRun.Replay(FuzzSequence.Load(file), options), file)) == 0 ? 0 : 1;
            case "minimise" when files.Count == 1:
                FuzzSupervisor.Minimise(FuzzSequence.Load(files[0]), files[0] + ".min", options);
                return 0;
            default:
                Console.Error.WriteLine(Help);
                return Usage;
        }
    }

    private static int ReplaySeed(FuzzOptions options, long index, string? file)
    {
        FuzzSequence sequence = SequenceGenerator.Create(SequenceGenerator.SeedOf(options.Seed, index), 0, options.Length);
        string name = string.Create(CultureInfo.InvariantCulture, $"seed {options.Seed} sequence {index}");
        if (file is not null)
        {
            sequence.Save(file, name);
        }

        return Report(FuzzRun.Replay(sequence, options), name);
    }

    private static int Work(FuzzOptions options)
    {
        using FileStream current = File.Create(FuzzSupervisor.CurrentPath(options.Folder));
        FuzzResult result = FuzzRun.Run(options with
        {
            OnSequence = index =>
            {
                Span<byte> digits = stackalloc byte[20];
                index.TryFormat(digits, out int length, "d19", CultureInfo.InvariantCulture);
                current.Position = 0;
                current.Write(digits[..length]);
                current.Flush();
            },
        });
        File.WriteAllText(Path.Combine(options.Folder, "answers.txt"), result.Answers);
        return Report(result, $"seed {options.Seed}");
    }

    private static int Report(FuzzResult result, string what)
    {
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{what}: {result.Calls} calls, {result.Successes} of them not refused, in {result.Elapsed.TotalSeconds:f1} s, {result.Rate:f0} per second"));
        if (result.Find is null)
        {
            return 0;
        }

        Console.WriteLine($"FOUND: {result.Find}");
        return 1;
    }

    private static bool TryParse(ReadOnlySpan<string> arguments, out FuzzOptions options, List<string> files)
    {
        options = new FuzzOptions { Folder = "fuzz-finds" };
        for (int i = 0; i < arguments.Length; i++)
        {
            if (!arguments[i].StartsWith("--", StringComparison.Ordinal))
            {
                files.Add(arguments[i]);
                continue;
            }

            string name = arguments[i];
            if (++i == arguments.Length || !TrySet(ref options, name, arguments[i]))
            {
                return false;
            }
        }

        return true;
    }

    private static bool TrySet(ref FuzzOptions options, string name, string value)
    {
        if (name is "--cpu-faults" or "--out")
        {
            options = name == "--out" ? options with { Folder = value } : options with { CpuFaults = value };
            return true;
        }

        if (!ulong.TryParse(value, CultureInfo.InvariantCulture, out ulong number) || (name is not ("--seed" or "--sequence") && number is 0 or > int.MaxValue))
        {
            return false;
        }

        FuzzOptions? changed = name switch
        {
            "--seed" => options with { Seed = number },
            "--seconds" => options with { Duration = TimeSpan.FromSeconds(number) },
            "--calls" => options with { MostCalls = (long)number, Duration = TimeSpan.MaxValue },
            "--sequence" => options with { Sequence = (long)number },
            "--length" => options with { Length = (int)number },
            "--threads" when number <= FuzzArena.MostThreads => options with { Threads = (int)number },
            "--patience" => options with { Patience = TimeSpan.FromSeconds(number) },
            _ => null,
        };
        options = changed ?? options;
        return changed is not null;
    }
}
