namespace XeSvm.Simulation.Dma;

/// <summary>Operations of the DMA API that can be made to fail.</summary>
internal enum DmaOperation
{
    MapPage,
    TryAllocIova,
    Link,
    Sync,
}

/// <summary>Makes chosen calls of the DMA API fail, as the kernel's fault injection does. Not thread-safe: for one thread's operations.</summary>
internal sealed class DmaFaultInjection
{
    private readonly long[] _failAt = [-1, -1, -1, -1];
    private readonly long[] _failures = new long[4];
    private readonly long[] _calls = new long[4];

    /// <summary>Lets some calls of an operation pass from now on, then fails the next ones.</summary>
    /// <param name="operation">Which operation.</param>
    /// <param name="passes">Calls that pass first.</param>
    /// <param name="failures">Calls that then fail.</param>
    public void FailAfter(DmaOperation operation, long passes, long failures = 1)
    {
        _calls[(int)operation] = 0;
        _failAt[(int)operation] = passes;
        _failures[(int)operation] = failures;
    }

    /// <summary>Counts a call and says whether it must fail.</summary>
    public bool Fails(DmaOperation operation)
    {
        int index = (int)operation;
        long call = _calls[index]++;
        return _failAt[index] >= 0 && call >= _failAt[index] && call < _failAt[index] + _failures[index];
    }
}
