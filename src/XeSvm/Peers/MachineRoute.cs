namespace XeSvm.Peers;

/// <summary>How one device reaches another's memory.</summary>
public enum MachineRoute
{
    /// <summary>Not at all: data between the two goes through system memory, in two migrations.</summary>
    None,

    /// <summary>The device's own memory.</summary>
    Local,

    /// <summary>Peer-to-peer over PCIe: the other's BAR, through the IOMMU of the device that accesses it.</summary>
    PciePeer,

    /// <summary>A fabric whose addresses name the other's pages directly.</summary>
    FabricPhysical,

    /// <summary>A fabric with one translated address space for each target.</summary>
    FabricVirtual,
}
