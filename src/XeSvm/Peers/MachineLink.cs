namespace XeSvm.Peers;

/// <summary>The way from one device to another, one direction.</summary>
/// <param name="Route">The way.</param>
/// <param name="Distance">Smaller is nearer; negative is unusable (pci_p2pdma_distance).</param>
/// <param name="GigabytesPerSecond">Bandwidth in 1e9 bytes a second. Assumed: there is no published figure.</param>
/// <param name="LatencyNanoseconds">Latency of a transfer in ns. Assumed.</param>
public sealed record MachineLink(MachineRoute Route, int Distance, double GigabytesPerSecond, double LatencyNanoseconds)
{
    /// <summary>The route as it is written: <c>none</c>, <c>local</c>, <c>pcie-p2p</c>, <c>fabric-physical</c> or <c>fabric-virtual</c>.</summary>
    public string RouteName => NameOf(Route);

    internal static string NameOf(MachineRoute route) => route switch
    {
        MachineRoute.Local => "local",
        MachineRoute.PciePeer => "pcie-p2p",
        MachineRoute.FabricPhysical => "fabric-physical",
        MachineRoute.FabricVirtual => "fabric-virtual",
        _ => "none",
    };
}
