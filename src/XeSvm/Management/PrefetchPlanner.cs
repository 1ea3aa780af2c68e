using System.Runtime.InteropServices;

namespace XeSvm.Management;

/// <summary>
/// Makes one plan of many prefetches: the later of two that overlap holds, neighbours that go to the same place become one, what goes to the system
/// or to another device goes first, as it makes room, and each group is in the order of addresses. Keeps its memory for the next plan. Not for several threads at once.
/// </summary>
internal sealed class PrefetchPlanner
{
    private readonly List<PrefetchStep> _byAddress = [];
    private readonly List<PrefetchStep> _steps = [];

    /// <summary>The plan of <see cref="Plan"/>.</summary>
    internal ReadOnlySpan<PrefetchStep> Steps => CollectionsMarshal.AsSpan(_steps);

    /// <summary>Begins anew.</summary>
    internal void Clear()
    {
        _byAddress.Clear();
        _steps.Clear();
    }

    /// <summary>Adds a prefetch, widened to whole pages; an empty one is nothing.</summary>
    internal void Add(GpuRange range, MemoryLocation location)
    {
        GpuRange pages = range.ToPages();
        if (range.Length == 0)
        {
            return;
        }

        PrefetchStep step = new(pages.Address, pages.Address + pages.Length, location);
        if (_byAddress.Count == 0 || _byAddress[^1].End <= step.Start)
        {
            _byAddress.Add(step);
            return;
        }

        Replace(step);
    }

    /// <summary>Whether the plan has any byte of a range.</summary>
    internal bool Contains(GpuRange range)
    {
        int index = IndexOfFirstEndingAfter(range.Address);
        return index < _byAddress.Count && _byAddress[index].Start < range.Address + range.Length;
    }

    /// <summary>Makes the plan.</summary>
    internal void Plan()
    {
        _steps.Clear();
        AddMerged(leaves: true);
        AddMerged(leaves: false);
    }

    private void AddMerged(bool leaves)
    {
        int first = _steps.Count;
        foreach (PrefetchStep step in _byAddress)
        {
            if ((step.Location.IsSystem || step.Location.Peer is not null) != leaves)
            {
                continue;
            }

            if (_steps.Count > first && _steps[^1].End == step.Start && _steps[^1].Location == step.Location)
            {
                _steps[^1] = _steps[^1] with { End = step.End };
            }
            else
            {
                _steps.Add(step);
            }
        }
    }

    private int IndexOfFirstEndingAfter(ulong address)
    {
        int first = 0;
        int high = _byAddress.Count;
        while (first < high)
        {
            int middle = (first + high) / 2;
            if (_byAddress[middle].End > address)
            {
                high = middle;
            }
            else
            {
                first = middle + 1;
            }
        }

        return first;
    }

    /// <summary>Puts a step in the place of everything that it overlaps.</summary>
    private void Replace(PrefetchStep step)
    {
        int first = IndexOfFirstEndingAfter(step.Start);
        int behind = first;
        while (behind < _byAddress.Count && _byAddress[behind].Start < step.End)
        {
            behind++;
        }

        PrefetchStep left = behind > first ? _byAddress[first] : step;
        PrefetchStep right = behind > first ? _byAddress[behind - 1] : step;
        _byAddress.RemoveRange(first, behind - first);
        if (right.End > step.End)
        {
            _byAddress.Insert(first, right with { Start = step.End });
        }

        _byAddress.Insert(first, step);
        if (left.Start < step.Start)
        {
            _byAddress.Insert(first, left with { End = step.Start });
        }
    }
}

/// <summary>One prefetch of a plan.</summary>
/// <param name="Start">The first byte.</param>
/// <param name="End">Behind the last byte.</param>
/// <param name="Location">Where to.</param>
internal readonly record struct PrefetchStep(ulong Start, ulong End, MemoryLocation Location);
