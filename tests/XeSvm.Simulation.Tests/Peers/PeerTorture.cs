using Xunit.Abstractions;

namespace XeSvm.Simulation.Tests.Peers;

/// <summary>What the tortures of the model and of the driver have in common: the seed, the threads, and mappings that fail by chance.</summary>
internal static class PeerTorture
{
    /// <summary>The seed that the environment gives (XESVM_SEED), or another each time; either is printed.</summary>
    public static int Seed(ITestOutputHelper output)
    {
        int seed = int.TryParse(Environment.GetEnvironmentVariable("XESVM_SEED"), out int given) ? given : Environment.TickCount;
        output.WriteLine($"XESVM_SEED={seed}");
        return seed;
    }

    /// <summary>Lets links, maps, syncs and reservations fail now and then.</summary>
    public static void InjectMappingFailures(FaultInjector faults)
    {
        faults.Add(new FaultRule(FaultPoint.Link) { Probability = 0.0001 });
        faults.Add(new FaultRule(FaultPoint.Map) { Probability = 0.0001 });
        faults.Add(new FaultRule(FaultPoint.Sync) { Probability = 0.01 });
        faults.Add(new FaultRule(FaultPoint.IovaAllocation) { Probability = 0.01 });
    }

    /// <summary>Runs each on a thread of its own, until all have ended.</summary>
    public static void RunAll(IEnumerable<Action> workers)
    {
        Thread[] threads = [.. workers.Select(worker => new Thread(new ThreadStart(worker)))];
        foreach (Thread thread in threads)
        {
            thread.Start();
        }

        foreach (Thread thread in threads)
        {
            thread.Join();
        }
    }
}
