namespace XeSvm.Benchmarks.Reporting;

/// <summary>
/// Bytes that all threads of the process together take from the GC heap per operation. A collection ahead of each round leaves every thread
/// without an allocation context, so the first allocation of a round, however small, takes one of some kilobytes: 0 means that nothing was
/// allocated, and more is an upper bound. The least of some rounds, because the runtime itself allocates now and then. MemoryDiagnoser's
/// exact count also has the unused rest of contexts in it that were retired.
/// </summary>
internal static class AllocationProbe
{
    /// <summary>The name of the recorded figure.</summary>
    public const string Figure = "B/op";

    private const int Rounds = 15;

    /// <summary>A column of the figure.</summary>
    public static RecordedColumn Column { get; } = new(Figure, "Bytes that all threads together take from the GC heap per operation, at most; in the round that allocated least");

    /// <summary>Runs an operation in rounds and records what it allocates.</summary>
    /// <param name="type">The benchmark's class.</param>
    /// <param name="method">The benchmark's method.</param>
    /// <param name="parameters">The values of all parameters, in any order.</param>
    /// <param name="operation">The operation; is warm already.</param>
    /// <param name="repetitions">How often it is run in a round.</param>
    /// <param name="perRun">Operations of one run.</param>
    public static void Record(Type type, string method, object[] parameters, Action operation, int repetitions, int perRun = 1)
    {
        long least = long.MaxValue;
        for (int round = 0; round < Rounds; round++)
        {
            GC.Collect();

            // What the runtime does after a collection, on the finalizer's thread, allocates.
            GC.WaitForPendingFinalizers();
            long before = GC.GetTotalAllocatedBytes();
            for (int i = 0; i < repetitions; i++)
            {
                operation();
            }

            least = Math.Min(least, GC.GetTotalAllocatedBytes() - before);
        }

        RecordedFigures.Record(type, method, parameters, Figure, (double)least / ((long)repetitions * perRun));
    }
}
