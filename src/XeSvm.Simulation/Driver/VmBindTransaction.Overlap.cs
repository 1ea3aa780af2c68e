namespace XeSvm.Simulation.Driver;

/// <content>Which calls touch the same addresses, so that they are done in order.</content>
internal sealed partial class VmBindTransaction
{
    /// <summary>Whether two calls change page-table entries of the same addresses.</summary>
    public bool Overlaps(VmBindTransaction other)
    {
        foreach ((ulong start, ulong end) in _zaps)
        {
            if (other.Touches(start, end))
            {
                return true;
            }
        }

        foreach ((Vma vma, bool added) in _changes)
        {
            if (added && other.Touches(vma.Start, vma.End))
            {
                return true;
            }
        }

        foreach (Prefetch prefetch in _prefetches)
        {
            if (other.Touches(prefetch.Start, prefetch.End))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>An area was cut while this call is queued: what was to be bound as a whole is bound in two pieces.</summary>
    public void OnSplit(Vma vma, Vma piece)
    {
        if (_changes.Contains((vma, true)))
        {
            _changes.Add((piece, true));
        }
    }

    private bool Touches(ulong start, ulong end)
    {
        foreach ((ulong zapStart, ulong zapEnd) in _zaps)
        {
            if (start < zapEnd && zapStart < end)
            {
                return true;
            }
        }

        foreach ((Vma vma, bool added) in _changes)
        {
            if (added && start < vma.End && vma.Start < end)
            {
                return true;
            }
        }

        foreach (Prefetch prefetch in _prefetches)
        {
            if (start < prefetch.End && prefetch.Start < end)
            {
                return true;
            }
        }

        return false;
    }
}
