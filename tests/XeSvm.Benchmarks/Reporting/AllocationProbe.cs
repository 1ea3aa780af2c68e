namespace XeSvm.Benchmarks.Reporting;

/// <summary>
/// Bytes that all threads of the process together allocate on the GC heap per operation: the median of some rounds, because now and then
/// the runtime counts the unused rest of an allocation context, up to 8 KiB, as allocated. MemoryDiagnoser looks at one round.
/// </summary>
internal static class AllocationProbe
{
    /// <summary>The name of the recorded figure.</summary>
    public const string Figure = "B/op";

    private const int Rounds = 15;

    /// <summary>A column of the figure.</summary>
    public static RecordedColumn Column { get; } = new(Figure, "Bytes that all threads together allocate on the GC heap per operation, median of rounds");

    /// <summary>Runs an operation in rounds and records what it allocates.</summary>
    /// <param name="type">The benchmark's class.</param>
    /// <param name="method">The benchmark's method.</param>
    /// <param name="parameters">The values of all parameters, in the order of the table.</param>
    /// <param name="operation">The operation; is warm already.</param>
    /// <param name="repetitions">How often it is run in a round.</param>
    /// <param name="perRun">Operations of one run.</param>
    public static void Record(Type type, string method, object[] parameters, Action operation, int repetitions, int perRun = 1)
    {
        long[] allocated = new long[Rounds];
        for (int round = 0; round < Rounds; round++)
        {
            long before = GC.GetTotalAllocatedBytes(precise: true);
            for (int i = 0; i < repetitions; i++)
            {
                operation();
            }

            allocated[round] = GC.GetTotalAllocatedBytes(precise: true) - before;
        }

        Array.Sort(allocated);
        RecordedFigures.Record(type, method, parameters, Figure, (double)allocated[Rounds / 2] / ((long)repetitions * perRun));
    }
}
