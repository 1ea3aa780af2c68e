using XeSvm.Simulation.Driver.Profiles;
using XeSvm.Simulation.Iommu;

namespace XeSvm.Simulation.Peers;

/// <summary>A device of a machine.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Tiles">Tiles, each with VRAM of its own.</param>
/// <param name="VramBytes">VRAM of one tile.</param>
/// <param name="Iommu">The domain that the device is attached to.</param>
internal sealed record PeerDeviceDescription(string Name, int Tiles, ulong VramBytes, IommuOptions Iommu)
{
    /// <summary>The profile that says what else the device is, as the topology names it.</summary>
    public string ProfileName { get; init; } = DefaultProfile;

    /// <summary>What that profile says; null: it was not looked up, as nothing but mapping is done with the device.</summary>
    public DeviceProfile? Profile { get; init; }

    /// <summary>The profile of a device for which the topology names none.</summary>
    public const string DefaultProfile = "bmg";
}
