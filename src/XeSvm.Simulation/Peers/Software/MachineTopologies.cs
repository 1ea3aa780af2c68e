using System.Text.Json;

using XeSvm.Simulation.Driver;
using XeSvm.Simulation.Driver.Profiles;
using XeSvm.Simulation.Iommu;

namespace XeSvm.Simulation.Peers.Software;

/// <summary>Machines of the driver from topologies, and the other way round.</summary>
internal static class MachineTopologies
{
    // Assumed, as in the topology pair-p2p: PCIe 4.0 x16 less overhead, under one switch.
    private static readonly PeerLink s_pcie = new(PeerRoute.PciePeer, 4, 24, 900);
    private static readonly PeerLink s_local = new(PeerRoute.Local, 0, 400, 0);

    private static readonly JsonDocumentOptions s_options = new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true };

    /// <summary>Whether a text is a topology and no device profile, as far as its schema tells.</summary>
    public static bool IsTopology(string json)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json, s_options);
            return document.RootElement.ValueKind == JsonValueKind.Object
                && document.RootElement.TryGetProperty("schema", out JsonElement schema)
                && schema.ValueKind == JsonValueKind.String
                && schema.ValueEquals(PeerTopologyReader.Schema);
        }
        catch (JsonException)
        {
            // Whoever reads it as a profile says what is wrong with it.
            return false;
        }
    }

    /// <summary>A machine of the devices of a topology: each of its profile, with the VRAM, the tiles, the IOMMU and the ways that the topology says.</summary>
    /// <exception cref="FormatException">The text is no topology, or has a device that the driver does not do.</exception>
    public static MachineProfile ReadMachine(string json)
    {
        PeerTopology topology = PeerTopologyReader.Read(json);
        foreach (PeerDeviceDescription device in topology.Devices)
        {
            if (device.VramBytes > MachineProfileReader.LargestVram)
            {
                throw new FormatException(
                    $"The device '{device.Name}' has {device.VramBytes} bytes of VRAM; the driver does at most {MachineProfileReader.LargestVram}.");
            }

            if (device.Tiles > MachineProfileReader.MostTiles)
            {
                throw new FormatException($"The device '{device.Name}' has {device.Tiles} tiles; the driver does at most {MachineProfileReader.MostTiles}.");
            }
        }

        string kinds = string.Join(", ", topology.Devices.Select(device => device.ProfileName).Distinct());
        return new MachineProfile(
            topology.Name, $"{topology.Devices.Count} devices of kind {kinds}.", topology.Devices.Count, HasPeerAccess: true, topology.Devices[0].Profile!)
        {
            DeclaredTopology = topology,
        };
    }

    /// <summary>The topology of a machine of equal devices.</summary>
    public static PeerTopology Of(MachineProfile machine)
    {
        int count = machine.DeviceCount;
        PeerLink[,] links = new PeerLink[count, count];
        for (int i = 0; i < count; i++)
        {
            for (int j = 0; j < count; j++)
            {
                links[i, j] = i == j ? s_local : machine.HasPeerAccess ? s_pcie : PeerLink.None;
            }
        }

        TileProfile tile = machine.Device.Tiles[0];
        return new PeerTopology(
            machine.Name,
            [.. Enumerable.Range(0, count).Select(index =>
                new PeerDeviceDescription($"gpu{index}", machine.Device.Tiles.Count, tile.VramBytes, new IommuOptions())
                {
                    ProfileName = machine.Name,
                    Profile = machine.Device,
                })],
            links);
    }

    /// <summary>The topology of a machine with what its options say of VRAM and IOMMUs.</summary>
    public static PeerTopology AsConfigured(SoftwareDeviceOptions options)
    {
        PeerTopology topology = options.Machine.Topology;
        return topology.With([.. topology.Devices.Select((device, index) =>
        {
            SoftwareDeviceOptions own = options.ForDevice(index);
            return device with { VramBytes = own.Profile.Tiles[0].VramBytes, Iommu = own.Iommu };
        })]);
    }

    /// <summary>What one device of a topology is: its profile with its own VRAM and tiles.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="index">The device.</param>
    /// <param name="vramBytes">VRAM of a tile in place of the topology's; null: the topology's.</param>
    public static DeviceProfile DeviceOf(MachineProfile machine, int index, ulong? vramBytes)
    {
        PeerDeviceDescription description = machine.Topology.Devices[index];
        DeviceProfile profile = description.Profile ?? machine.Device;
        TileProfile tile = profile.Tiles[0].WithVram(vramBytes ?? description.VramBytes);
        return profile with { Name = description.Name, Tiles = [.. Enumerable.Repeat(tile, description.Tiles)] };
    }
}
