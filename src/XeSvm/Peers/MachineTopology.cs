using XeSvm.Simulation.Peers;

namespace XeSvm.Peers;

/// <summary>A machine of several devices: who there is, and which way leads from each to each.</summary>
public sealed class MachineTopology
{
    private IReadOnlyList<IReadOnlyList<MachineLink>>? _links;

    private MachineTopology(PeerTopology topology)
    {
        Topology = topology;
        Devices =
        [
            .. topology.Devices.Select(device => new MachineDevice(
                device.Name, device.Tiles, device.VramBytes, device.Iommu.EffectiveMode, device.Iommu.CoherentWalker)
            {
                Profile = device.ProfileName,
            }),
        ];
    }

    /// <summary>The names of the topologies that come with the library.</summary>
    public static IReadOnlyList<string> BuiltInNames { get; } = [.. BuiltInPeerTopologies.Names];

    /// <summary>The machine's name.</summary>
    public string Name => Topology.Name;

    /// <summary>Its devices.</summary>
    public IReadOnlyList<MachineDevice> Devices { get; }

    internal PeerTopology Topology { get; }

    /// <summary>Finds a topology.</summary>
    /// <param name="nameOrPath">One of <see cref="BuiltInNames"/>, or the path of a JSON file of schema <c>xesvm.topology/1</c>.</param>
    /// <exception cref="MachineTopologyException">There is none, or the file is none; the message says what is wrong and where.</exception>
    public static MachineTopology Load(string nameOrPath)
    {
        ArgumentException.ThrowIfNullOrEmpty(nameOrPath);
        try
        {
            return new MachineTopology(BuiltInPeerTopologies.Load(nameOrPath));
        }
        catch (FormatException error)
        {
            throw new MachineTopologyException(error.Message, error);
        }
    }

    /// <summary>The way from each device (first) to each (second): routes, distances, and what is assumed of them.</summary>
    public IReadOnlyList<IReadOnlyList<MachineLink>> Links => _links ??=
        [.. Enumerable.Range(0, Devices.Count).Select(from => (IReadOnlyList<MachineLink>)[.. Enumerable.Range(0, Devices.Count).Select(to => Link(from, to))])];

    /// <summary>Reads a topology from JSON of schema <c>xesvm.topology/1</c>.</summary>
    /// <exception cref="MachineTopologyException">It is none; the message says what is wrong and where.</exception>
    public static MachineTopology Parse(string json)
    {
        ArgumentNullException.ThrowIfNull(json);
        try
        {
            return new MachineTopology(PeerTopologyReader.Read(json));
        }
        catch (FormatException error)
        {
            throw new MachineTopologyException(error.Message, error);
        }
    }

    /// <summary>The way from a device to another: fabric before PCIe, none when neither is usable.</summary>
    /// <param name="initiator">Index of the device that accesses.</param>
    /// <param name="target">Index of the device whose memory it is.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such device.</exception>
    public MachineLink Link(int initiator, int target)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)initiator, (uint)Devices.Count, nameof(initiator));
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)target, (uint)Devices.Count, nameof(target));
        PeerLink link = Topology.Link(initiator, target);
        return new MachineLink((MachineRoute)link.Route, link.Distance, link.GigabytesPerSecond, link.LatencyNanoseconds);
    }
}
