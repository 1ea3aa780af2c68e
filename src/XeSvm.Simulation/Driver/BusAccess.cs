using XeSvm.Simulation.Gpu;
using XeSvm.Simulation.Memory;
using XeSvm.Simulation.Pagemap;
using XeSvm.Simulation.Peers;
using XeSvm.Simulation.Peers.Software;

namespace XeSvm.Simulation.Driver;

/// <summary>
/// The GPU's way to memory that is not its own: through the IOMMU to a page frame, and from there to the client's page, or to another
/// device's BAR; or over a fabric. Memory that the client has unmapped behind the mirror's back is found out here: the access becomes a
/// fault, whose handler looks at the mapping again.
/// </summary>
internal sealed unsafe class BusAccess(SoftwareDevice device) : IGpuBusAccess
{
    public int Read(GpuBusAddress address, void* destination, int length)
    {
        int result = Resolve(address, write: false, length, out ResolvedFrame frame, out PeerPageAddress peer);
        return result < 0 ? result
            : peer.Exists ? peer.Client!.ReadDevice(peer.ClientAddress, peer.Vram, destination, length)
            : AsFault(frame.Client.Read(frame.ClientAddress, destination, (nuint)length));
    }

    public int Write(GpuBusAddress address, void* source, int length)
    {
        int result = Resolve(address, write: true, length, out ResolvedFrame frame, out PeerPageAddress peer);
        return result < 0 ? result
            : peer.Exists ? peer.Client!.WriteDevice(peer.ClientAddress, peer.Vram, source, length)
            : AsFault(frame.Client.Write(frame.ClientAddress, source, (nuint)length));
    }

    public int Add(GpuBusAddress address, int addend)
    {
        int result = Resolve(address, write: true, sizeof(int), out ResolvedFrame frame, out PeerPageAddress peer);
        return result < 0 ? result
            : peer.Exists ? peer.Client!.AddDevice(peer.ClientAddress, peer.Vram, (ulong)addend, sizeof(int), out _)
            : AsFault(frame.Client.Add(frame.ClientAddress, addend));
    }

    public int CompareExchange(GpuBusAddress address, ulong expected, ulong desired, int size, out ulong seen)
    {
        seen = 0;
        int result = Resolve(address, write: true, size, out ResolvedFrame frame, out PeerPageAddress peer);
        return result < 0 ? result
            : peer.Exists ? peer.Client!.CompareExchangeDevice(peer.ClientAddress, peer.Vram, expected, desired, size, out seen)
            : AsFault(frame.Client.CompareExchange(frame.ClientAddress, expected, desired, size, out seen));
    }

    private int Resolve(GpuBusAddress address, bool write, int length, out ResolvedFrame frame, out PeerPageAddress peer)
    {
        frame = default;
        peer = default;
        BusSpace space = address.Space switch
        {
            GpuBusSpace.FabricPhysical => BusSpace.FabricPhysical,
            GpuBusSpace.FabricVirtual => new BusSpace(BusSpaceKind.FabricVirtual, address.Target),
            _ => new BusSpace(BusSpaceKind.Dma, device.Port.Index),
        };
        if (device.Machine.Bus.Locate(device.Port, space, address.Value, write, out PeerPort? target, out ulong offset) < 0)
        {
            return -Errno.EFAULT;
        }

        if (target is not null)
        {
            return ResolvePeer((SoftwarePort)target, offset, length, out peer);
        }

        // A frame in staging belongs to a migration that has zapped this mapping: look again.
        return device.Frames.TryResolve(offset, out frame) ? frame.Host is null ? 0 : -Errno.EAGAIN : -Errno.EFAULT;
    }

    /// <summary>Whose page a byte of another device's VRAM is.</summary>
    private int ResolvePeer(SoftwarePort target, ulong offset, int length, out PeerPageAddress peer)
    {
        peer = default;
        if (target.Device.FindAllocation(offset) is not { } allocation)
        {
            // Whoever had these pages has let every mapping of them end before: this one is stale.
            device.Machine.Counters.AddStaleAccess();
            return -Errno.EFAULT;
        }

        peer = new PeerPageAddress(allocation.Client, allocation.Start + (offset - allocation.VramOffset), target.Pointer(offset));
        device.Machine.Counters.AddAccess(device.Machine.Route(device, target.Device), length);
        return 0;
    }

    private static int AsFault(int result) => result == -Errno.EFAULT ? -Errno.EAGAIN : result;

    /// <summary>A byte of a client's page that is in another device's VRAM.</summary>
    private readonly struct PeerPageAddress(ClientMemory client, ulong clientAddress, byte* vram)
    {
        public ClientMemory? Client { get; } = client;

        public ulong ClientAddress { get; } = clientAddress;

        public byte* Vram { get; } = vram;

        public bool Exists => Client is not null;
    }
}
