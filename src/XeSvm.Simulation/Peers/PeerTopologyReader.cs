using System.Text.Json;
using XeSvm.Simulation.Cost;
using XeSvm.Simulation.Driver.Profiles;
using XeSvm.Simulation.Iommu;

namespace XeSvm.Simulation.Peers;

/// <summary>Reads topologies from JSON (schema "xesvm.topology/1"). What is not understood is an error that names the place.</summary>
internal static class PeerTopologyReader
{
    /// <summary>The schema that this reader reads.</summary>
    public const string Schema = "xesvm.topology/1";

    /// <summary>Devices that a machine may have.</summary>
    public const int MaxDevices = 64;

    private const ulong MaxVramBytes = 1UL << 40;

    private static readonly JsonDocumentOptions s_options = new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true };

    /// <summary>Reads a topology.</summary>
    /// <exception cref="FormatException">The text is no JSON or no topology; the message names the place and what is valid.</exception>
    public static PeerTopology Read(string json)
    {
        ArgumentNullException.ThrowIfNull(json);
        try
        {
            using JsonDocument document = JsonDocument.Parse(json, s_options);
            return ReadTopology(new PlacedJson(document.RootElement, "topology"));
        }
        catch (JsonException error)
        {
            throw new FormatException($"The topology is no JSON: {error.Message}", error);
        }
    }

    private static PeerTopology ReadTopology(PlacedJson root)
    {
        string schema = root.Text("schema");
        if (schema != Schema)
        {
            throw new FormatException($"topology.schema is '{schema}'; this version reads '{Schema}'.");
        }

        root.RequireKnown("schema", "name", "description", "sources", "devices", "links");
        List<PeerDeviceDescription> devices = [];
        foreach (PlacedJson node in root.Items("devices"))
        {
            PeerDeviceDescription device = ReadDevice(node);
            if (devices.Exists(other => other.Name == device.Name))
            {
                throw new FormatException($"{node.Path}.name is '{device.Name}', which another device has.");
            }

            devices.Add(device);
        }

        if (devices.Count is < 1 or > MaxDevices)
        {
            throw new FormatException($"topology.devices has {devices.Count} devices; valid is 1 to {MaxDevices}.");
        }

        return new PeerTopology(root.Text("name"), devices, ReadLinks(root, devices));
    }

    private static PeerDeviceDescription ReadDevice(PlacedJson node)
    {
        node.RequireKnown("name", "profile", "tiles", "vramBytes", "iommu");
        string profileName = node.Has("profile") ? node.Text("profile") : PeerDeviceDescription.DefaultProfile;
        DeviceProfile profile = ReadProfile(node, profileName);
        double bytes = node.Has("vramBytes") || !node.Has("profile") ? node.Amount("vramBytes") : profile.Tiles[0].VramBytes;
        if (bytes is < 2097152 or > MaxVramBytes || bytes % 2097152 != 0)
        {
            throw new FormatException($"{node.Path}.vramBytes is {bytes}; valid is a multiple of 2097152 up to {MaxVramBytes}.");
        }

        int tiles = node.Has("tiles") ? node.Count("tiles") : node.Has("profile") ? profile.Tiles.Count : 1;
        if (tiles > 8)
        {
            throw new FormatException($"{node.Path}.tiles is {tiles}; valid is 1 to 8.");
        }

        return bytes * tiles <= PeerPort.BarStride
            ? new PeerDeviceDescription(node.Text("name"), tiles, (ulong)bytes, ReadIommu(node)) { ProfileName = profileName, Profile = profile }
            : throw new FormatException($"{node.Path} has {tiles} times {bytes} bytes of VRAM, more than {PeerPort.BarStride} bytes.");
    }

    private static DeviceProfile ReadProfile(PlacedJson device, string name)
    {
        try
        {
            return MachineProfile.LoadDevice(name);
        }
        catch (FormatException error)
        {
            throw new FormatException($"{device.Path}.profile: {error.Message}", error);
        }
    }

    private static IommuOptions ReadIommu(PlacedJson device)
    {
        IommuOptions options = new() { Mode = IommuMode.Strict };
        if (!device.Has("iommu"))
        {
            return options;
        }

        PlacedJson node = device.Child("iommu");
        node.RequireKnown("mode", "walker", "levels", "cachingMode", "firstStage");
        options = options with
        {
            Mode = node.Has("mode") ? node.Child("mode").AsEnum<IommuMode>() : options.Mode,
            CoherentWalker = !node.Has("walker") || node.Choice("walker", "coherent", "non-coherent"),
            Levels = node.Has("levels") ? node.Count("levels") : options.Levels,
            CachingMode = node.Has("cachingMode") && node.Child("cachingMode").AsFlag(),
            FirstStage = node.Has("firstStage") && node.Child("firstStage").AsFlag(),
        };
        try
        {
            options.Validate();
        }
        catch (ArgumentException error)
        {
            throw new FormatException($"{node.Path}: {error.Message}", error);
        }

        return options;
    }

    private static PeerLink[,] ReadLinks(PlacedJson root, List<PeerDeviceDescription> devices)
    {
        var links = new PeerLink[devices.Count, devices.Count];
        for (int i = 0; i < devices.Count; i++)
        {
            for (int j = 0; j < devices.Count; j++)
            {
                links[i, j] = i == j ? new PeerLink(PeerRoute.Local, 0, LocalGigabytesPerSecond, 0) : PeerLink.None;
            }
        }

        HashSet<(int, int)> seen = [];
        foreach (PlacedJson node in root.Items("links"))
        {
            node.RequireKnown("from", "to", "bothWays", "fabric", "pcie");
            int from = ReadDeviceName(node, "from", devices);
            int to = ReadDeviceName(node, "to", devices);
            PeerLink link = PeerTopology.Choose(ReadWay(node, "fabric"), ReadWay(node, "pcie"));
            bool both = !node.Has("bothWays") || node.Child("bothWays").AsFlag();
            if (from == to || !seen.Add((from, to)) || (both && !seen.Add((to, from))))
            {
                throw new FormatException($"{node.Path}: a device has one link to each other device, and none to itself.");
            }

            links[from, to] = link;
            links[to, from] = both ? link : links[to, from];
        }

        return links;
    }

    // A device's own memory. Assumed; only ratios to the other routes mean anything.
    private const double LocalGigabytesPerSecond = 400;

    private static int ReadDeviceName(PlacedJson node, string member, List<PeerDeviceDescription> devices)
    {
        string name = node.Text(member);
        int index = devices.FindIndex(device => device.Name == name);
        return index >= 0
            ? index
            : throw new FormatException($"{node.Path}.{member} is '{name}'; the devices are {string.Join(", ", devices.Select(device => device.Name))}.");
    }

    private static PeerLink? ReadWay(PlacedJson link, string member)
    {
        if (!link.Has(member))
        {
            return null;
        }

        PlacedJson node = link.Child(member);
        bool fabric = member == "fabric";
        node.RequireKnown(fabric ? ["addresses", "distance", "gigabytesPerSecond", "latencyNanoseconds"] : ["distance", "gigabytesPerSecond", "latencyNanoseconds"]);
        PeerRoute route = !fabric ? PeerRoute.PciePeer
            : node.Choice("addresses", "virtual", "physical") ? PeerRoute.FabricVirtual : PeerRoute.FabricPhysical;
        double bandwidth = node.Amount("gigabytesPerSecond");
        return bandwidth > 0
            ? new PeerLink(route, node.Child("distance").AsInteger(), bandwidth, node.Amount("latencyNanoseconds"))
            : throw new FormatException($"{node.Path}.gigabytesPerSecond is 0; valid is more than 0.");
    }
}
