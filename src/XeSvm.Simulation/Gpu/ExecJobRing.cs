namespace XeSvm.Simulation.Gpu;

/// <summary>Storage for the outstanding jobs of one queue, by sequence number; grows up to its limit as jobs pile up.</summary>
internal sealed class ExecJobRing(int width, int limit)
{
    private const int InitialCapacity = 8;
    private const int UsualWaits = 4;

    private ulong[] _batches = [];
    private UserFenceWrite?[] _fences = [];
    private List<DmaFence>[] _waits = [];

    /// <summary>Stores a job.</summary>
    /// <param name="sequence">Its sequence number.</param>
    /// <param name="outstanding">How many jobs, the numbers just below, are stored already; less than the limit.</param>
    /// <param name="batches">One batch address per slot of the queue's width.</param>
    /// <param name="fence">Its user fence, if any.</param>
    /// <param name="waits">What has to be signalled before it may run.</param>
    public void Put(long sequence, int outstanding, ReadOnlySpan<ulong> batches, UserFenceWrite? fence, ReadOnlySpan<DmaFence> waits = default)
    {
        if (outstanding == _fences.Length)
        {
            Grow(sequence, outstanding);
        }

        int index = (int)(sequence % _fences.Length);
        batches.CopyTo(_batches.AsSpan(index * width, width));
        _fences[index] = fence;
        _waits[index].AddRange(waits);
    }

    /// <summary>Moves what a stored job waits for to a list.</summary>
    public void TakeWaits(long sequence, List<DmaFence> waits)
    {
        List<DmaFence> stored = _waits[(int)(sequence % _fences.Length)];
        waits.AddRange(stored);
        stored.Clear();
    }

    /// <summary>Takes a copy of a stored job.</summary>
    public void Get(long sequence, Span<ulong> batches, out UserFenceWrite? fence)
    {
        int index = (int)(sequence % _fences.Length);
        _batches.AsSpan(index * width, width).CopyTo(batches);
        fence = _fences[index];
    }

    private void Grow(long sequence, int outstanding)
    {
        int capacity = Math.Min(Math.Max(InitialCapacity, _fences.Length * 2), limit);
        var batches = new ulong[capacity * width];
        var fences = new UserFenceWrite?[capacity];
        var waits = new List<DmaFence>[capacity];
        for (long job = sequence - outstanding; job < sequence; job++)
        {
            int index = (int)(job % capacity);
            Get(job, batches.AsSpan(index * width, width), out fences[index]);
            waits[index] = _waits[(int)(job % _fences.Length)];
        }

        for (int i = 0; i < capacity; i++)
        {
            // Whether a job has something to wait for is a matter of chance: there is room for it before.
            waits[i] ??= new List<DmaFence>(UsualWaits);
        }

        _batches = batches;
        _fences = fences;
        _waits = waits;
    }
}
