namespace XeSvm.Simulation.Gpu;

/// <summary>
/// The TLB shoot-down of one VM. Engine threads access memory in sections of their slots; a page-table writer clears entries first, then
/// calls <see cref="InvalidateAndWait"/>, after which no access that used the old entries is under way and none will begin.
/// </summary>
internal sealed class TlbGate
{
    private readonly MonitorLock _lock = new();
    private GpuAccessSlot[] _slots = [];
    private long _generation;
    private long _completed;

    /// <summary>Counts invalidations begun.</summary>
    public long Generation => Volatile.Read(ref _generation);

    /// <summary>The last invalidation that has completed: every section that began before it was begun has ended.</summary>
    public long Completed => Volatile.Read(ref _completed);

    /// <summary>How many slots are registered.</summary>
    public int SlotCount => Volatile.Read(ref _slots).Length;

    /// <summary>A slot for one engine thread.</summary>
    public GpuAccessSlot Register()
    {
        var slot = new GpuAccessSlot(this);
        lock (_lock)
        {
            Volatile.Write(ref _slots, [.. _slots, slot]);
        }

        return slot;
    }

    /// <summary>Forgets a slot, which must be outside any section and is not used again.</summary>
    public void Unregister(GpuAccessSlot slot)
    {
        lock (_lock)
        {
            Volatile.Write(ref _slots, Array.FindAll(_slots, other => other != slot));
        }
    }

    /// <summary>
    /// Makes every TLB stale and waits until each section that was open has ended. May be called by several threads at once, with locks
    /// held that no access section takes, and never from inside a section.
    /// </summary>
    public void InvalidateAndWait()
    {
        // Full fence: a slot that enters after this sees the new generation, one that entered before is seen below.
        long generation = Interlocked.Increment(ref _generation);
        foreach (GpuAccessSlot slot in Volatile.Read(ref _slots))
        {
            slot.WaitForExit();
        }

        long completed = Completed;
        while (completed < generation)
        {
            long seen = Interlocked.CompareExchange(ref _completed, generation, completed);
            completed = seen == completed ? generation : seen;
        }
    }
}
