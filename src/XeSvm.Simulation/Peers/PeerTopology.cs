namespace XeSvm.Simulation.Peers;

/// <summary>A machine of several devices: who there is, and which way leads from each to each.</summary>
internal sealed class PeerTopology
{
    private readonly PeerLink[,] _links;

    /// <param name="name">The machine's name.</param>
    /// <param name="devices">Its devices.</param>
    /// <param name="links">The chosen way from each device (row) to each (column).</param>
    public PeerTopology(string name, IReadOnlyList<PeerDeviceDescription> devices, PeerLink[,] links)
    {
        Name = name;
        Devices = devices;
        _links = links;
    }

    /// <summary>The machine's name.</summary>
    public string Name { get; }

    /// <summary>Its devices.</summary>
    public IReadOnlyList<PeerDeviceDescription> Devices { get; }

    /// <summary>The way that an initiator's accesses to a target take.</summary>
    public PeerLink Link(int initiator, int target) => _links[initiator, target];

    /// <summary>The same ways between devices that are described otherwise.</summary>
    public PeerTopology With(IReadOnlyList<PeerDeviceDescription> devices) => new(Name, devices, _links);

    /// <summary>Chooses among the ways that a machine offers: a fabric with a distance of 0 or more, then PCIe, else none.</summary>
    public static PeerLink Choose(PeerLink? fabric, PeerLink? pcie)
    {
        if (fabric is { IsUsable: true })
        {
            return fabric;
        }

        return pcie is { IsUsable: true } ? pcie : PeerLink.None;
    }
}
