using XeSvm.Simulation.Dma;

namespace XeSvm.Simulation.Peers.Machine;

/// <summary>A thread's page arrays for one migrated range, so that moving allocates nothing.</summary>
internal sealed class PeerScratch
{
    /// <summary>Pages of the largest range that migrates at once: 2 MiB.</summary>
    public const int Pages = 512;

    [ThreadStatic]
    private static PeerScratch? s_current;

    /// <summary>This thread's arrays.</summary>
    public static PeerScratch Current => s_current ??= new PeerScratch();

    /// <summary>Folios of a target.</summary>
    public PeerPage[] Peer { get; } = new PeerPage[Pages];

    /// <summary>Their addresses.</summary>
    public BusAddress[] Addresses { get; } = new BusAddress[Pages];

    /// <summary>Pages in system memory.</summary>
    public MigratePage[] System { get; } = new MigratePage[Pages];

    /// <summary>Their addresses.</summary>
    public DeviceAddress[] SystemAddresses { get; } = new DeviceAddress[Pages];
}
