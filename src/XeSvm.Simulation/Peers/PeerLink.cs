namespace XeSvm.Simulation.Peers;

/// <summary>The way from one device to another, one direction.</summary>
/// <param name="Route">The way.</param>
/// <param name="Distance">As pci_p2pdma_distance counts: smaller is nearer; negative is unusable.</param>
/// <param name="GigabytesPerSecond">Bandwidth, 1e9 bytes a second. Assumed: nobody has published one for these patches.</param>
/// <param name="LatencyNanoseconds">Latency of a transfer. Assumed too.</param>
internal sealed record PeerLink(PeerRoute Route, int Distance, double GigabytesPerSecond, double LatencyNanoseconds)
{
    /// <summary>No way.</summary>
    public static PeerLink None { get; } = new(PeerRoute.None, -1, 0, 0);

    /// <summary>Whether data can go this way.</summary>
    public bool IsUsable => Route != PeerRoute.None && Distance >= 0;

    /// <summary>Modelled time of a transfer, in microseconds.</summary>
    /// <param name="bytes">Its size.</param>
    /// <param name="bandwidthFactor">What to take of the assumed bandwidth, to sweep it.</param>
    /// <param name="latencyFactor">What to take of the assumed latency.</param>
    public double CopyMicroseconds(ulong bytes, double bandwidthFactor = 1, double latencyFactor = 1) => IsUsable
        ? (LatencyNanoseconds * latencyFactor / 1000) + (bytes / (GigabytesPerSecond * bandwidthFactor * 1000))
        : double.PositiveInfinity;
}
