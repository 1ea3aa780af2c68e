namespace XeSvm.Simulation.Iommu;

/// <summary>A sum to which many processors add without sharing a cache line.</summary>
internal sealed class ShardedCounter
{
    private const int Stride = 128 / sizeof(long);
    private readonly long[] _shards;
    private readonly int _processors;

    public ShardedCounter(int processors)
    {
        _processors = processors;
        _shards = new long[(processors + 1) * Stride];
    }

    /// <summary>The sum; exact when nobody is adding.</summary>
    public long Sum
    {
        get
        {
            long sum = 0;
            for (int i = 1; i <= _processors; i++)
            {
                sum += Volatile.Read(ref _shards[i * Stride]);
            }

            return sum;
        }
    }

    /// <summary>Adds a value.</summary>
    public void Add(long value)
    {
        int processor = Thread.GetCurrentProcessorId() % _processors;
        Interlocked.Add(ref _shards[(processor + 1) * Stride], value);
    }
}
