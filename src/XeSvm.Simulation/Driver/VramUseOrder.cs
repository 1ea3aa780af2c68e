using System.Diagnostics.CodeAnalysis;
using XeSvm.Simulation.Gpu;

namespace XeSvm.Simulation.Driver;

/// <summary>Everything in one tile's VRAM that can be evicted, in the order of its last use (ttm_lru). Safe from any thread.</summary>
internal sealed class VramUseOrder
{
    private readonly MonitorLock _lock = new();
    private readonly LinkedList<VramOccupant> _occupants = new();
    private long _lastStamp;

    /// <summary>Adds an occupant, used just now.</summary>
    public void Add(VramOccupant occupant)
    {
        lock (_lock)
        {
            occupant.UseNode ??= new LinkedListNode<VramOccupant>(occupant);
            occupant.UseStamp = ++_lastStamp;
            _occupants.AddLast(occupant.UseNode);
        }
    }

    /// <summary>Removes an occupant; nothing when it is not there.</summary>
    public void Remove(VramOccupant occupant)
    {
        lock (_lock)
        {
            if (occupant.UseNode?.List is not null)
            {
                _occupants.Remove(occupant.UseNode);
            }
        }
    }

    /// <summary>Marks an occupant as used just now; nothing when it is not there.</summary>
    public void Touch(VramOccupant occupant)
    {
        lock (_lock)
        {
            if (occupant.UseNode?.List is not null && _occupants.Last != occupant.UseNode)
            {
                _occupants.Remove(occupant.UseNode);
                occupant.UseStamp = ++_lastStamp;
                _occupants.AddLast(occupant.UseNode);
            }
        }
    }

    /// <summary>Evicts the occupant that has not been used for longest, of those that can be had at this moment; the others keep their turn.</summary>
    /// <param name="tile">The tile.</param>
    /// <param name="keep">What this VM alone may use stays.</param>
    /// <param name="devicePagesOnly">Buffer objects stay.</param>
    /// <returns>False when nothing could be evicted.</returns>
    public bool EvictOne(SoftwareTile tile, Vm? keep, bool devicePagesOnly)
    {
        long tried = 0;
        while (TryTakeCandidate(ref tried, devicePagesOnly, out VramOccupant? occupant, out EvictionTicket ticket))
        {
            if (occupant.Evict(ticket, tile, keep))
            {
                return true;
            }
        }

        return false;
    }

    private bool TryTakeCandidate(ref long tried, bool devicePagesOnly, [NotNullWhen(true)] out VramOccupant? occupant, out EvictionTicket ticket)
    {
        lock (_lock)
        {
            for (LinkedListNode<VramOccupant>? node = _occupants.First; node is not null; node = node.Next)
            {
                occupant = node.Value;
                if (occupant.UseStamp <= tried)
                {
                    continue;
                }

                tried = occupant.UseStamp;
                if ((!devicePagesOnly || occupant.HoldsDevicePages) && occupant.TryBeginEviction(out ticket))
                {
                    return true;
                }
            }
        }

        occupant = null;
        ticket = default;
        return false;
    }
}
