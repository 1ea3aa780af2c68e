namespace XeSvm.Simulation.Tests.Gpu.Support;

/// <summary>Asserts that a piece of code allocates nothing on the GC heap once it has run for a while.</summary>
internal static class Allocations
{
    // Some things are made once, when they are first needed, as a pool that grows when a call has to wait first. What allocates at each call
    // has no round without; what allocates more seldom than once in a round is not found here.
    private const int Rounds = 8;

    public static void AssertNone(Action action, int repetitions = 100)
    {
        action();
        long allocated = 0;
        for (int round = 0; round < Rounds; round++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int repetition = 0; repetition < repetitions; repetition++)
            {
                action();
            }

            allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            if (allocated == 0)
            {
                return;
            }
        }

        Assert.Fail($"{repetitions} repetitions allocate {allocated} bytes, also after {Rounds - 1} rounds of as many.");
    }
}
