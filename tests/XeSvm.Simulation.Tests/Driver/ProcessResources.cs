namespace XeSvm.Simulation.Tests.Driver;

/// <summary>What software devices hold of the process: threads, files and mappings, recognised by their names.</summary>
internal readonly record struct ProcessResources(int Threads, int Files, int Mappings)
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(2);

    public static ProcessResources Now => new(CountThreads(), CountFiles(), CountMappings());

    /// <summary>Asserts that nothing has been added since. A thread that was joined may need a moment to leave the process.</summary>
    public void AssertNothingAdded()
    {
        ProcessResources before = this;
        ProcessResources now = Now;
        SpinWait.SpinUntil(() => (now = Now).IsWithin(before), s_patience);
        Assert.True(now.IsWithin(before), $"{now} after {before}");
    }

    private bool IsWithin(ProcessResources other) => Threads <= other.Threads && Files <= other.Files && Mappings <= other.Mappings;

    private static int CountThreads() => Directory.GetDirectories("/proc/self/task").Count(IsOurs);

    private static bool IsOurs(string task)
    {
        try
        {
            return File.ReadAllText(Path.Combine(task, "comm")).StartsWith("xe ", StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return false; // it has just ended
        }
    }

    private static int CountFiles() => Directory.GetFiles("/proc/self/fd").Select(file => new FileInfo(file).LinkTarget).Count(target =>
        target is not null && (target.Contains("memfd:xesvm", StringComparison.Ordinal) || target.Contains("userfaultfd", StringComparison.Ordinal)));

    private static int CountMappings() => File.ReadLines("/proc/self/maps").Count(line => line.Contains("memfd:xesvm", StringComparison.Ordinal));
}
