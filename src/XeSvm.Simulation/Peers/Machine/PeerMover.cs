using XeSvm.Simulation.Dma;
using XeSvm.Simulation.Iommu;
using XeSvm.Simulation.Peers.Locks;
using XeSvm.Simulation.Peers.Mapping;

namespace XeSvm.Simulation.Peers.Machine;

/// <summary>
/// Migration of whole allocations between system memory and devices, and between devices. The new buffer's reservation is not held while
/// pages move (patch 9): it is pinned, unlocked, filled, locked again and unpinned, so that making addresses may take other reservations.
/// Between devices the source's engine writes, over whatever way leads to the destination; without one, through system memory.
/// </summary>
internal sealed class PeerMover(PeerMachine machine, PeerMappingPolicy policy, MappingStrategy systemStrategy)
{
    private readonly PeerCopier _copier = new(machine, policy, systemStrategy);

    /// <summary>The policy that makes addresses of device pages.</summary>
    public PeerMappingPolicy Policy => policy;

    /// <summary>Moves an allocation to a tile's VRAM.</summary>
    /// <returns>
    /// 0, also when it is there; -EINVAL for a device or tile that is none; -ENOMEM when VRAM is full and nothing can be evicted; the error
    /// of mapping or copying: then it is where it was.
    /// </returns>
    public int ToDevice(PeerAllocation allocation, int device, int tile, ref PeerWork work)
    {
        if ((uint)device >= (uint)machine.Devices.Length || (uint)tile >= (uint)machine.Device(device).Description.Tiles)
        {
            return -Errno.EINVAL;
        }

        using CheckedLock.Scope pages = allocation.Pages.Take();
        PeerDevice destination = machine.Device(device);
        if (allocation.Buffer is { } source)
        {
            if (source.Device == destination && source.Tile == tile)
            {
                return 0;
            }

            if (!machine.Topology.Link(source.Device.Index, device).IsUsable)
            {
                int home = ToSystemLocked(allocation, ref work);
                if (home < 0)
                {
                    return home;
                }
            }
        }

        return ToDeviceLocked(allocation, destination, tile, ref work);
    }

    /// <summary>Brings an allocation home.</summary>
    /// <returns>0, also when it is there; -ENOMEM; the error of mapping or copying: then it is where it was.</returns>
    public int ToSystem(PeerAllocation allocation, ref PeerWork work)
    {
        using CheckedLock.Scope pages = allocation.Pages.Take();
        return ToSystemLocked(allocation, ref work);
    }

    private int ToDeviceLocked(PeerAllocation allocation, PeerDevice destination, int tile, ref PeerWork work)
    {
        int result = CreatePinned(allocation, destination, tile, ref work, out PeerBuffer? created);
        if (result < 0)
        {
            return result;
        }

        PeerBuffer buffer = created!;
        allocation.BeginMove(ref work);
        result = allocation.Buffer is { } from
            ? _copier.BetweenDevices(from, buffer, ref work)
            : _copier.FromSystem(allocation, buffer, ref work);
        Unpin(buffer);
        if (result < 0)
        {
            destination.Release(buffer);
        }
        else if (allocation.Buffer is { } old)
        {
            allocation.Buffer = buffer;
            old.Device.Release(old);
        }
        else
        {
            allocation.Buffer = buffer;
            machine.System.Free(allocation.Physical);
        }

        allocation.EndMove();
        return result;
    }

    private int ToSystemLocked(PeerAllocation allocation, ref PeerWork work)
    {
        if (allocation.Buffer is not { } buffer)
        {
            return 0;
        }

        if (!machine.System.TryAllocate(allocation.Size, out ulong physical))
        {
            return -Errno.ENOMEM;
        }

        allocation.BeginMove(ref work);
        int result = _copier.ToSystem(buffer, physical, ref work);
        if (result < 0)
        {
            machine.System.Free(physical);
        }
        else
        {
            allocation.Physical = physical;
            allocation.Buffer = null;
            buffer.Device.Release(buffer);
        }

        allocation.EndMove();
        return result;
    }

    private int CreatePinned(PeerAllocation owner, PeerDevice device, int tile, ref PeerWork work, out PeerBuffer? buffer)
    {
        buffer = null;
        if (!machine.Locks.Allows(LockedOperation.AllocateVram))
        {
            return -Errno.EDEADLK;
        }

        using ValidationScope validation = ValidationScope.Enter(machine.Locks);
        PeerBuffer made = new(owner, device, tile, owner.Size, machine.Locks);
        using CheckedLock.Scope reservation = made.Reservation.Take();
        int result = TakeVram(device, tile, owner.Size, ref work, out ulong offset);
        if (result < 0)
        {
            return result;
        }

        made.Offset = offset;
        made.Pins++;
        device.Add(made);
        buffer = made;
        return 0;
    }

    private static void Unpin(PeerBuffer buffer)
    {
        using CheckedLock.Scope reservation = buffer.Reservation.Take();
        buffer.Pins--;
        buffer.Device.Touch(buffer);
    }

    private int TakeVram(PeerDevice device, int tile, ulong size, ref PeerWork work, out ulong offset)
    {
        if (device.TryAllocate(tile, size, out offset))
        {
            return 0;
        }

        foreach (PeerBuffer victim in device.EvictionOrder(tile))
        {
            if (TryEvict(victim, ref work) && device.TryAllocate(tile, size, out offset))
            {
                return 0;
            }
        }

        return -Errno.ENOMEM;
    }

    /// <summary>Brings home what a buffer holds, if nobody is at it.</summary>
    private bool TryEvict(PeerBuffer victim, ref PeerWork work)
    {
        if (!victim.Reservation.TryEnter())
        {
            return false;
        }

        bool pinned = victim.Pins > 0;
        victim.Reservation.Exit();
        if (pinned)
        {
            machine.CountRefusedEviction();
            return false;
        }

        if (!victim.Owner.Pages.TryEnter())
        {
            return false;
        }

        bool evicted = victim.Owner.Buffer == victim && ToSystemLocked(victim.Owner, ref work) == 0;
        victim.Owner.Pages.Exit();
        return evicted;
    }
}
