using XeSvm.Simulation.Iommu;

namespace XeSvm.Simulation.Peers.Machine;

/// <summary>What lies between devices and memory: turns an address of any space into memory, through whoever translates it.</summary>
internal sealed unsafe class PeerBus(PeerDevice[] devices, PeerSystemMemory system)
{
    /// <summary>The memory that one 4 KiB page of an address leads to.</summary>
    /// <param name="initiator">Who accesses.</param>
    /// <param name="address">The address.</param>
    /// <param name="page">Which page of the address's folio.</param>
    /// <param name="write">Whether it is written.</param>
    /// <param name="pointer">The memory.</param>
    /// <returns>0; -EFAULT when the address leads nowhere (any more), which is recorded as a fault where it was translated.</returns>
    public int Resolve(PeerDevice initiator, in BusAddress address, int page, bool write, out byte* pointer)
    {
        ulong value = address.Value + ((ulong)page << IoEntry.PageShift);
        pointer = null;
        int result = 0;
        ulong physical;
        switch (address.Space.Kind)
        {
            case BusSpaceKind.Dma when address.Space.Device == initiator.Index:
                result = initiator.Dma.Translate(value, write, out physical);
                pointer = result < 0 ? null : Physical(physical);
                break;
            case BusSpaceKind.FabricVirtual:
                PeerDevice target = devices[address.Space.Device];
                result = target.Fabric.Translate(value, write, out physical);
                pointer = result < 0 ? null : target.Pointer(physical);
                break;
            case BusSpaceKind.FabricPhysical when PeerDevice.DeviceOfFabric(value) is int index && index >= 0 && index < devices.Length:
                pointer = devices[index].Pointer(value - devices[index].FabricBase);
                break;
            case BusSpaceKind.Local when address.Space.Device == initiator.Index:
                pointer = initiator.Pointer(value);
                break;
        }

        return pointer is null ? -Errno.EFAULT : result;
    }

    /// <summary>The memory at a physical address; null when there is none.</summary>
    private byte* Physical(ulong physical)
    {
        int index = PeerDevice.DeviceOfBar(physical);
        return index >= 0 && index < devices.Length
            ? devices[index].Pointer(physical - devices[index].BarBase)
            : system.Pointer(physical);
    }
}
