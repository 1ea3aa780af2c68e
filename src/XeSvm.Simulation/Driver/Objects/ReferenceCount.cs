namespace XeSvm.Simulation.Driver;

/// <summary>Counts the references on an object, of which its maker has the first (kref). A field of the object; not to be copied.</summary>
internal struct ReferenceCount()
{
    private int _count = 1;

    /// <summary>Adds a reference for somebody who has one already.</summary>
    public void Add() => Interlocked.Increment(ref _count);

    /// <summary>Adds a reference while others may drop theirs; false when the last one is gone (kref_get_unless_zero).</summary>
    public bool TryAdd()
    {
        int count = Volatile.Read(ref _count);
        while (count != 0)
        {
            int seen = Interlocked.CompareExchange(ref _count, count + 1, count);
            if (seen == count)
            {
                return true;
            }

            count = seen;
        }

        return false;
    }

    /// <summary>Drops a reference; true when it was the last.</summary>
    public bool Drop() => Interlocked.Decrement(ref _count) == 0;
}
