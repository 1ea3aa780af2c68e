using XeSvm.Simulation.Driver;

namespace XeSvm.Simulation.Peers.Software;

/// <summary>A device of the driver as the others of its machine see it.</summary>
internal sealed unsafe class SoftwarePort(SoftwareDevice device, int index) : PeerPort(index, device.Dma)
{
    /// <summary>The device.</summary>
    public SoftwareDevice Device { get; } = device;

    /// <inheritdoc/>
    public override byte* Pointer(ulong offset) => offset < Device.VramTotal ? Device.VramBase + offset : null;

    /// <summary>Ends the fabric space; nobody may be using it.</summary>
    public void Close() => DisposeFabric();
}
