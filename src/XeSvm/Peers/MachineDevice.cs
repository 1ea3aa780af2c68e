using XeSvm.Simulation.Iommu;

namespace XeSvm.Peers;

/// <summary>A device of a machine.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Tiles">Tiles, each with VRAM of its own.</param>
/// <param name="VramBytes">VRAM of one tile, in bytes.</param>
/// <param name="Iommu">Mode of the IOMMU domain that it is attached to.</param>
/// <param name="CoherentWalker">Whether its IOMMU's page walker sees the CPU's caches.</param>
public sealed record MachineDevice(string Name, int Tiles, ulong VramBytes, IommuMode Iommu, bool CoherentWalker)
{
    /// <summary>The device profile of the software backend that says what else it is, by name or as a file.</summary>
    public string Profile { get; init; } = Simulation.Peers.PeerDeviceDescription.DefaultProfile;
}
