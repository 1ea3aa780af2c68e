namespace XeSvm.Simulation.Peers;

/// <summary>How an initiator reaches a target's memory.</summary>
internal enum PeerRoute : byte
{
    /// <summary>Not at all: data between the two goes through system memory.</summary>
    None,

    /// <summary>The initiator's own memory.</summary>
    Local,

    /// <summary>Peer-to-peer over PCIe: the target's BAR, through the initiator's IOMMU.</summary>
    PciePeer,

    /// <summary>A link of its own whose addresses name the target's pages directly.</summary>
    FabricPhysical,

    /// <summary>A link of its own with one translated address space for each target.</summary>
    FabricVirtual,
}
