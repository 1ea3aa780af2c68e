using System.Diagnostics.CodeAnalysis;

using XeSvm.Simulation.Pagemap;

namespace XeSvm.Simulation.Memory;

/// <summary>
/// Which chunks of one client's address space live in which device's VRAM: what the device-private entries of a CPU page table say
/// in the kernel. An entry exists from just before the pages become device pages until their departure has been settled.
/// </summary>
internal sealed class DeviceResidency
{
    private readonly Lock _lock = new();
    private readonly ChunkMap<DeviceMemoryAllocation> _chunks = new();

    /// <summary>Adds an allocation; false when another one holds part of its range.</summary>
    public bool TryAdd(DeviceMemoryAllocation allocation)
    {
        lock (_lock)
        {
            if (_chunks.Overlaps(allocation.Start, allocation.Start + allocation.Size))
            {
                return false;
            }

            _chunks.Add(allocation);
            return true;
        }
    }

    /// <summary>Takes an allocation out again; false when it has gone already: whoever took it out ends it.</summary>
    /// <param name="allocation">Which one.</param>
    /// <param name="cookie">Its cookie when it was added: the record may serve others since.</param>
    public bool TryRemove(DeviceMemoryAllocation allocation, ulong cookie)
    {
        lock (_lock)
        {
            if (!Holds(allocation, cookie))
            {
                return false;
            }

            _chunks.Remove(allocation);
            return true;
        }
    }

    /// <summary>
    /// Begins to move a whole allocation to another device: until <see cref="EndMove"/> no device maps it. False when it is not whole and at
    /// home here, has other bounds, or is being moved; also when the record, which was looked at without the lock, serves other pages by now.
    /// </summary>
    public bool TryBeginMove(in MovingAllocation moving, ulong start, int pages)
    {
        lock (_lock)
        {
            if (!_chunks.TryFind(start, out DeviceMemoryAllocation? found) || found != moving.Allocation || found.Cookie != moving.Cookie
                || found.VramOffset != moving.VramOffset || found.IsMoving || found.Start != start || found.Pages != pages || found.RemainingPages != pages)
            {
                return false;
            }

            found.IsMoving = true;
            return true;
        }
    }

    /// <summary>Ends a move: another allocation has the pages now, or, when there is none, the old one still.</summary>
    /// <param name="from">The allocation that was moved.</param>
    /// <param name="cookie">Its cookie when the move began: the record may serve others since.</param>
    /// <param name="to">The allocation that has its pages; null when the move failed.</param>
    /// <returns>False, and nothing has changed, when the allocation that was moved has gone meanwhile.</returns>
    public bool EndMove(DeviceMemoryAllocation from, ulong cookie, DeviceMemoryAllocation? to)
    {
        lock (_lock)
        {
            if (!Holds(from, cookie))
            {
                return false;
            }

            from.IsMoving = false;
            if (to is not null)
            {
                _chunks.Remove(from);
                _chunks.Add(to);
            }

            return true;
        }
    }

    /// <summary>
    /// Puts one allocation in the place of those that are moved into it, and of system pages between them; on its way until
    /// <see cref="EndReplace"/>. False, and nothing has changed, when another allocation has part of its range.
    /// </summary>
    public bool TryBeginReplace(ReadOnlySpan<MovingAllocation> moved, DeviceMemoryAllocation to)
    {
        lock (_lock)
        {
            foreach (ref readonly MovingAllocation from in moved)
            {
                if (!Holds(from.Allocation, from.Cookie))
                {
                    return false;
                }
            }

            foreach (ref readonly MovingAllocation from in moved)
            {
                _chunks.Remove(from.Allocation);
            }

            if (_chunks.Overlaps(to.Start, to.Start + to.Size))
            {
                PutBack(moved);
                return false;
            }

            to.IsMoving = true;
            _chunks.Add(to);
            return true;
        }
    }

    /// <summary>Ends that: the new allocation has the pages, or those that it was made of still do.</summary>
    public void EndReplace(ReadOnlySpan<MovingAllocation> moved, DeviceMemoryAllocation to, bool succeeded)
    {
        lock (_lock)
        {
            to.IsMoving = false;
            if (succeeded)
            {
                foreach (ref readonly MovingAllocation from in moved)
                {
                    from.Allocation.IsMoving = false;
                }

                return;
            }

            _chunks.Remove(to);
            PutBack(moved);
        }
    }

    /// <summary>
    /// Records how many pages an allocation has left; without any it is no longer found, and the caller ends it. False when it has gone already.
    /// </summary>
    public bool TryShrink(DeviceMemoryAllocation allocation, in DevicePagesLeft left)
    {
        lock (_lock)
        {
            if (!Holds(allocation, left.Cookie))
            {
                return false;
            }

            allocation.RemainingPages = left.Remaining;
            if (left.Remaining == 0)
            {
                _chunks.Remove(allocation);
            }

            return true;
        }
    }

    /// <summary>The allocation that holds an address.</summary>
    public bool TryFind(ulong address, [NotNullWhen(true)] out DeviceMemoryAllocation? allocation)
    {
        lock (_lock)
        {
            return _chunks.TryFind(address, out allocation);
        }
    }

    /// <summary>Where an allocation lies that overlaps <c>[start, end)</c>, if there is one.</summary>
    public bool TryFindOverlapping(ulong start, ulong end, out ulong first, out int pages)
    {
        lock (_lock)
        {
            DeviceMemoryAllocation? found = _chunks.FirstOverlapping(start, end);
            first = found?.Start ?? 0;
            pages = found?.Pages ?? 0;
            return found is not null;
        }
    }

    /// <summary>Adds every allocation that overlaps <c>[start, end)</c> to a list.</summary>
    public void Collect(ulong start, ulong end, List<DeviceMemoryAllocation> into)
    {
        lock (_lock)
        {
            _chunks.Collect(start, end, into);
        }
    }

    /// <summary>Whether an allocation is here, and is the one that its cookie says. Records are pooled: neither alone is enough.</summary>
    private bool Holds(DeviceMemoryAllocation allocation, ulong cookie) =>
        allocation.Cookie == cookie && _chunks.TryFind(allocation.Start, out DeviceMemoryAllocation? found) && found == allocation;

    private void PutBack(ReadOnlySpan<MovingAllocation> moved)
    {
        foreach (ref readonly MovingAllocation from in moved)
        {
            _chunks.Add(from.Allocation);
        }
    }

    /// <summary>Whether <c>[start, end)</c> is wholly, partly or not at all device memory.</summary>
    /// <param name="start">First byte.</param>
    /// <param name="end">One past the last byte.</param>
    /// <param name="allocation">The one complete allocation that covers the whole range, when there is one.</param>
    public Residency Examine(ulong start, ulong end, out DeviceMemoryAllocation? allocation)
    {
        lock (_lock)
        {
            if (_chunks.TryFind(start, out allocation) && allocation.IsMoving)
            {
                allocation = null;
                return Residency.Moving;
            }

            if (allocation is not null && allocation.Start <= start && end <= allocation.Start + allocation.Size
                && allocation.RemainingPages == allocation.Pages)
            {
                return Residency.Device;
            }

            allocation = null;
            return _chunks.Overlaps(start, end) ? Residency.Mixed : Residency.System;
        }
    }
}

/// <summary>Where the pages of a range are (drm_gpusvm_scan_mm, as far as its callers tell the states apart).</summary>
internal enum Residency
{
    System,
    Mixed,
    Device,

    /// <summary>On their way from one device to another: to be looked at again.</summary>
    Moving,
}
