using System.Text;
using System.Text.Json;
using XeSvm.Simulation.Driver.Profiles;
using XeSvm.Simulation.Iommu;

namespace XeSvm.Simulation.Peers;

/// <summary>Writes topologies in the form that <see cref="PeerTopologyReader"/> reads.</summary>
internal static class PeerTopologyWriter
{
    private static readonly JsonWriterOptions s_options = new() { Indented = true };

    /// <summary>The topology as JSON.</summary>
    public static string Write(PeerTopology topology)
    {
        using MemoryStream stream = new();
        using (Utf8JsonWriter json = new(stream, s_options))
        {
            json.WriteStartObject();
            json.WriteString("schema", PeerTopologyReader.Schema);
            json.WriteString("name", topology.Name);
            json.WriteStartArray("devices");
            foreach (PeerDeviceDescription device in topology.Devices)
            {
                WriteDevice(json, device);
            }

            json.WriteEndArray();
            json.WriteStartArray("links");
            for (int from = 0; from < topology.Devices.Count; from++)
            {
                for (int to = 0; to < topology.Devices.Count; to++)
                {
                    if (from != to && topology.Link(from, to).IsUsable)
                    {
                        WriteLink(json, topology, from, to);
                    }
                }
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(stream.ToArray());
    }

    private static void WriteDevice(Utf8JsonWriter json, PeerDeviceDescription device)
    {
        IommuOptions iommu = device.Iommu;
        json.WriteStartObject();
        json.WriteString("name", device.Name);
        if (MachineProfile.BuiltInNames.Contains(device.ProfileName))
        {
            // The name of a file means nothing to whoever reads this.
            json.WriteString("profile", device.ProfileName);
        }

        json.WriteNumber("tiles", device.Tiles);
        json.WriteNumber("vramBytes", device.VramBytes);
        json.WriteStartObject("iommu");
        json.WriteString("mode", iommu.Mode.ToString().ToLowerInvariant());
        json.WriteString("walker", iommu.CoherentWalker ? "coherent" : "non-coherent");
        json.WriteNumber("levels", iommu.Levels);
        json.WriteBoolean("cachingMode", iommu.CachingMode);
        json.WriteBoolean("firstStage", iommu.FirstStage);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteLink(Utf8JsonWriter json, PeerTopology topology, int from, int to)
    {
        PeerLink link = topology.Link(from, to);
        bool fabric = link.Route != PeerRoute.PciePeer;
        json.WriteStartObject();
        json.WriteString("from", topology.Devices[from].Name);
        json.WriteString("to", topology.Devices[to].Name);
        json.WriteBoolean("bothWays", false);
        json.WriteStartObject(fabric ? "fabric" : "pcie");
        if (fabric)
        {
            json.WriteString("addresses", link.Route == PeerRoute.FabricVirtual ? "virtual" : "physical");
        }

        json.WriteNumber("distance", link.Distance);
        json.WriteNumber("gigabytesPerSecond", link.GigabytesPerSecond);
        json.WriteNumber("latencyNanoseconds", link.LatencyNanoseconds);
        json.WriteEndObject();
        json.WriteEndObject();
    }
}
