using System.Diagnostics;
using XeSvm.Interop;

namespace XeSvm.Fuzz;

/// <summary>Runs sequences until the time or the number of steps is reached, or something is found.</summary>
internal static class FuzzRun
{
    private const int SequencesPerCheck = 64;
    private const int RoundsPerFile = 4;

    /// <summary>Runs, from one thread with the state audit or from several without.</summary>
    public static FuzzResult Run(FuzzOptions options)
    {
        using var arena = new FuzzArena();
        return options.Threads == 1 ? RunAlone(options) : RunTogether(options);
    }

    /// <summary>Runs one sequence, and then looks whether anything is left.</summary>
    public static FuzzResult Replay(FuzzSequence sequence, FuzzOptions options)
    {
        using var arena = new FuzzArena();
        return RunEach(options, index => index == 0 ? sequence : null);
    }

    private static FuzzResult RunAlone(FuzzOptions options)
    {
        long start = Stopwatch.GetTimestamp();
        return RunEach(options, index =>
            Stopwatch.GetElapsedTime(start) < options.Duration && index * options.Length < options.MostCalls
                ? SequenceGenerator.Create(SequenceGenerator.SeedOf(options.Seed, index), 0, options.Length)
                : null);
    }

    private static FuzzResult RunEach(FuzzOptions options, Func<long, FuzzSequence?> next)
    {
        long start = Stopwatch.GetTimestamp();
        var progress = new FuzzProgress();
        using var watchdog = new FuzzWatchdog([progress], options.Patience, options.Folder);
        using var runner = new SequenceRunner(options.CpuFaults, 0);
        FuzzSequence? sequence = null;
        string? find = null;
        try
        {
            for (long index = 0; next(index) is { } current; index++)
            {
                sequence = current;
                options.OnSequence?.Invoke(index);
                runner.RunAlone(current, progress);
                if (index % SequencesPerCheck == 0)
                {
                    runner.CheckEmpty();
                }
            }

            runner.CheckEmpty();
        }
        catch (FuzzFindException exception)
        {
            find = exception.Message;
        }

        return new FuzzResult(runner.Calls, runner.Successes, Stopwatch.GetElapsedTime(start), find, find is null ? null : sequence) { Answers = runner.Answers.Format() };
    }

    private static FuzzResult RunTogether(FuzzOptions options)
    {
        long start = Stopwatch.GetTimestamp();
        FuzzProgress[] progress = [.. Enumerable.Range(0, options.Threads).Select(_ => new FuzzProgress())];
        using var watchdog = new FuzzWatchdog(progress, options.Patience, options.Folder);
        using var first = new SequenceRunner(options.CpuFaults, 0);
        SequenceRunner[] runners = [.. Enumerable.Range(0, options.Threads).Select(first.ForThread)];
        string? find = null;
        try
        {
            for (long round = 0; find is null && Stopwatch.GetElapsedTime(start) < options.Duration && Calls(runners) < options.MostCalls; round++)
            {
                options.OnSequence?.Invoke(round);
                find = RunRound(options, runners, progress, round);
                first.CheckEmpty();
            }
        }
        catch (FuzzFindException exception)
        {
            find = exception.Message;
        }

        Array.ForEach(runners, runner => runner.Dispose());
        return new FuzzResult(Calls(runners), runners.Sum(runner => runner.Successes), Stopwatch.GetElapsedTime(start), find, null);
    }

    private static long Calls(SequenceRunner[] runners) => runners.Sum(runner => runner.Calls);

    /// <summary>All threads run some sequences each on the same two files, of which one is closed while they do.</summary>
    private static string? RunRound(FuzzOptions options, SequenceRunner[] runners, FuzzProgress[] progress, long round)
    {
        DrmFile[] files = [runners[0].Open(), runners[0].Open()];
        string? find = null;
        Thread[] threads = [.. Enumerable.Range(0, options.Threads).Select(index => new Thread(() =>
        {
            try
            {
                for (int i = 0; i < RoundsPerFile; i++)
                {
                    ulong seed = SequenceGenerator.SeedOf(options.Seed, (((round * options.Threads) + index) * RoundsPerFile) + i);
                    runners[index].Run(SequenceGenerator.Create(seed, index, options.Length), files, progress[index], audit: false);
                }
            }
            catch (FuzzFindException exception)
            {
                Interlocked.CompareExchange(ref find, exception.Message, null);
            }
        }))];
        Array.ForEach(threads, thread => thread.Start());
        threads[0].Join();
        files[1].Dispose();
        Array.ForEach(threads, thread => thread.Join());
        files[0].Dispose();
        return find;
    }
}
