namespace XeSvm.Simulation.Iommu;

/// <summary>Why a device access was refused.</summary>
internal enum IommuFaultReason
{
    /// <summary>No entry translates the address.</summary>
    Unmapped,

    /// <summary>The address is linked, but dma_iova_sync has not made it known to the hardware yet.</summary>
    Unsynced,

    /// <summary>The IOTLB still translates the address, but the page table no longer does, or to another page.</summary>
    Stale,

    /// <summary>The mapping's direction does not allow the access.</summary>
    Permission,

    /// <summary>The address has bits that the device cannot drive.</summary>
    BeyondMask,
}

/// <summary>One refused device access.</summary>
/// <param name="Device">Name of the device.</param>
/// <param name="Address">DMA address.</param>
/// <param name="Write">Whether it was a write.</param>
/// <param name="Reason">Why it was refused.</param>
internal readonly record struct IommuFault(string Device, ulong Address, bool Write, IommuFaultReason Reason);
