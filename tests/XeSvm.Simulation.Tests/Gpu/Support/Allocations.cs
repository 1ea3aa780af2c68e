namespace XeSvm.Simulation.Tests.Gpu.Support;

/// <summary>Asserts that a piece of code allocates nothing on the GC heap.</summary>
internal static class Allocations
{
    public static void AssertNone(Action action, int repetitions = 100)
    {
        action();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int repetition = 0; repetition < repetitions; repetition++)
        {
            action();
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }
}
