using XeSvm.Simulation.Iommu;

namespace XeSvm.Simulation.Peers;

/// <summary>A device of a machine.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Tiles">Tiles, each with VRAM of its own.</param>
/// <param name="VramBytes">VRAM of one tile.</param>
/// <param name="Iommu">The domain that the device is attached to.</param>
internal sealed record PeerDeviceDescription(string Name, int Tiles, ulong VramBytes, IommuOptions Iommu);
