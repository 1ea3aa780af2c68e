using XeSvm.Simulation.Iommu;

namespace XeSvm.Simulation.Peers.Machine;

/// <summary>What lies between devices and memory: turns an address of any space into memory, through whoever translates it.</summary>
/// <param name="ports">The devices; null where none is up.</param>
/// <param name="system">The host's memory, as far as it is reached this way.</param>
internal sealed unsafe class PeerBus(PeerPort?[] ports, PeerSystemMemory? system)
{
    /// <summary>The memory that one 4 KiB page of an address leads to.</summary>
    /// <param name="initiator">Who accesses.</param>
    /// <param name="address">The address.</param>
    /// <param name="page">Which page of the address's folio.</param>
    /// <param name="write">Whether it is written.</param>
    /// <param name="pointer">The memory.</param>
    /// <returns>0; -EFAULT when the address leads nowhere (any more), which is recorded as a fault where it was translated.</returns>
    public int Resolve(PeerPort initiator, in BusAddress address, int page, bool write, out byte* pointer)
    {
        pointer = null;
        int result = Locate(initiator, address.Space, address.Value + ((ulong)page << IoEntry.PageShift), write, out PeerPort? target, out ulong offset);
        if (result == 0)
        {
            pointer = target is not null ? target.Pointer(offset) : system is null ? null : system.Pointer(offset);
        }

        return pointer is null ? -Errno.EFAULT : 0;
    }

    /// <summary>Finds out whose memory an address leads to.</summary>
    /// <param name="initiator">Who accesses.</param>
    /// <param name="space">The address's space.</param>
    /// <param name="value">The address.</param>
    /// <param name="write">Whether it is written.</param>
    /// <param name="target">Whose VRAM it is; null for the host's memory.</param>
    /// <param name="offset">Where in the VRAM, or the physical address.</param>
    /// <returns>0; -EFAULT when it leads nowhere.</returns>
    public int Locate(PeerPort initiator, BusSpace space, ulong value, bool write, out PeerPort? target, out ulong offset)
    {
        target = null;
        offset = value;
        switch (space.Kind)
        {
            case BusSpaceKind.Dma when space.Device == initiator.Index:
                return initiator.Dma.Translate(value, write, out ulong physical) < 0 ? -Errno.EFAULT : LocatePhysical(physical, out target, out offset);
            case BusSpaceKind.FabricVirtual when Port(space.Device) is { } port:
                target = port;
                return port.Fabric.Translate(value, write, out offset) < 0 ? -Errno.EFAULT : 0;
            case BusSpaceKind.FabricPhysical when Port(PeerPort.DeviceOfFabric(value)) is { } port:
                target = port;
                offset = value - port.FabricBase;
                return 0;
            case BusSpaceKind.Local when space.Device == initiator.Index:
                target = initiator;
                return 0;
            default:
                return -Errno.EFAULT;
        }
    }

    private int LocatePhysical(ulong physical, out PeerPort? target, out ulong offset)
    {
        int index = PeerPort.DeviceOfBar(physical);
        target = Port(index);
        offset = target is null ? physical : physical - target.BarBase;
        return index >= 0 && target is null ? -Errno.EFAULT : 0;
    }

    private PeerPort? Port(int index) => (uint)index < (uint)ports.Length ? Volatile.Read(ref ports[index]) : null;
}
