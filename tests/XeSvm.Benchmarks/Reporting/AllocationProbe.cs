namespace XeSvm.Benchmarks.Reporting;

/// <summary>
/// Bytes that all threads of the process together allocate on the GC heap per operation, in the round of several that allocated least: what
/// the operation itself allocates is in every round, the unused rest of an allocation context, up to 8 KiB, that the runtime now and then
/// counts as allocated is not. MemoryDiagnoser looks at one round.
/// </summary>
internal static class AllocationProbe
{
    /// <summary>The name of the recorded figure.</summary>
    public const string Figure = "B/op";

    private const int Rounds = 15;

    /// <summary>A column of the figure.</summary>
    public static RecordedColumn Column { get; } = new(Figure, "Bytes that all threads together allocate on the GC heap per operation, in the round that allocated least");

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
            long before = GC.GetTotalAllocatedBytes(precise: true);
            for (int i = 0; i < repetitions; i++)
            {
                operation();
            }

            least = Math.Min(least, GC.GetTotalAllocatedBytes(precise: true) - before);
        }

        RecordedFigures.Record(type, method, parameters, Figure, (double)least / ((long)repetitions * perRun));
    }
}
