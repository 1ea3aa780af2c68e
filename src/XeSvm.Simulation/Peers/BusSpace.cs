namespace XeSvm.Simulation.Peers;

/// <summary>The kinds of address spaces.</summary>
internal enum BusSpaceKind : byte
{
    /// <summary>No address.</summary>
    None,

    /// <summary>Physical addresses of the host's memory bus: system memory and BARs.</summary>
    SystemPhysical,

    /// <summary>A device's PCIe DMA space: what its IOMMU domain translates, or bus addresses when it does not.</summary>
    Dma,

    /// <summary>A device's own memory, from 0.</summary>
    Local,

    /// <summary>Network addresses of a fabric: each names one page of one device.</summary>
    FabricPhysical,

    /// <summary>A target's fabric address space, translated at the target.</summary>
    FabricVirtual,
}

/// <summary>One address space.</summary>
/// <param name="Kind">Its kind.</param>
/// <param name="Device">Whose it is: the initiator's for <see cref="BusSpaceKind.Dma"/>, the target's for <see cref="BusSpaceKind.FabricVirtual"/>, the owner's for
/// <see cref="BusSpaceKind.Local"/>, -1 for those that all share.</param>
internal readonly record struct BusSpace(BusSpaceKind Kind, int Device)
{
    /// <summary>The host's physical addresses.</summary>
    public static BusSpace SystemPhysical { get; } = new(BusSpaceKind.SystemPhysical, -1);

    /// <summary>The fabric's network addresses.</summary>
    public static BusSpace FabricPhysical { get; } = new(BusSpaceKind.FabricPhysical, -1);
}

/// <summary>
/// An address with its space. A bare integer never stands for a bus address: the same number means other memory in another space
/// (the reviewers' objection to dma_addr_t for links that struct device does not know).
/// </summary>
/// <param name="Space">The space.</param>
/// <param name="Value">The address in it.</param>
/// <param name="Order">2^Order pages of 4 KiB lie there, as a page order and never as log2 of bytes.</param>
/// <param name="Direction">The direction that it was mapped for.</param>
/// <param name="Route">The way that accesses take.</param>
internal readonly record struct BusAddress(BusSpace Space, ulong Value, byte Order, Dma.DmaDirection Direction, PeerRoute Route)
{
    /// <summary>Whether there is an address.</summary>
    public bool IsValid => Space.Kind != BusSpaceKind.None;
}
