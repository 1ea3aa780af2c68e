namespace XeSvm.Fuzz;

/// <summary>Looks whether steps end. One that does not is named, with its sequence, and the process ends: its thread cannot be had back.</summary>
internal sealed class FuzzWatchdog : IDisposable
{
    /// <summary>Exit code of the process when a step hangs.</summary>
    public const int ExitCode = 3;

    private static readonly TimeSpan s_interval = TimeSpan.FromSeconds(1);

    private readonly ManualResetEventSlim _done = new();
    private readonly Thread _thread;

    /// <param name="threads">Whom to watch.</param>
    /// <param name="patience">How long a step may take.</param>
    /// <param name="folder">Where the sequence is written to.</param>
    public FuzzWatchdog(IReadOnlyList<FuzzProgress> threads, TimeSpan patience, string folder)
    {
        _thread = new Thread(() =>
        {
            while (!_done.Wait(s_interval))
            {
                foreach (FuzzProgress thread in threads)
                {
                    if (thread.Age > patience)
                    {
                        Report(thread, folder);
                    }
                }
            }
        })
        { IsBackground = true, Name = "watchdog" };
        _thread.Start();
    }

    public void Dispose()
    {
        _done.Set();
        _thread.Join();
        _done.Dispose();
    }

    private static void Report(FuzzProgress thread, string folder)
    {
        FuzzSequence sequence = thread.Sequence!;
        string step = thread.Step < sequence.Calls.Count ? sequence.Calls[thread.Step].Format() : "the end: closing the files";
        string path = Path.Combine(folder, "hang.txt");
        sequence.Save(path, $"Step {thread.Step} hangs: {step}");
        Console.Error.WriteLine($"Step {thread.Step} hangs: {step}\nThe sequence is in {path}.");
        Environment.Exit(ExitCode);
    }
}
