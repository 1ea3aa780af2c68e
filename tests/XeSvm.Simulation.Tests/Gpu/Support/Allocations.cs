namespace XeSvm.Simulation.Tests.Gpu.Support;

/// <summary>Asserts that a piece of code allocates nothing on the GC heap once it has run for a while.</summary>
internal static class Allocations
{
    /// <summary>The first round of calls may make what is made once and kept, as pools; the second allocates nothing, not even once.</summary>
    public static void AssertNone(Action action, int repetitions = 100)
    {
        Run(action, repetitions);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Run(action, repetitions);
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.True(allocated == 0, $"{repetitions} repetitions allocate {allocated} bytes, after as many before them.");
    }

    private static void Run(Action action, int repetitions)
    {
        for (int repetition = 0; repetition < repetitions; repetition++)
        {
            action();
        }
    }
}
