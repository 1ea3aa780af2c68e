using XeSvm.Simulation.Driver;
using XeSvm.Simulation.Memory;
using XeSvm.Simulation.Peers.Locks;
using XeSvm.Simulation.Peers.Machine;
using XeSvm.Simulation.Peers.Mapping;

namespace XeSvm.Simulation.Peers.Software;

/// <summary>
/// What the devices of a backend share: which way leads from each to each, who makes addresses of whose memory, owner tokens, and the
/// proof of lock order. Counted references: one of the backend, one of each device.
/// </summary>
internal sealed class SoftwareMachine : IDisposable
{
    private readonly PeerPort?[] _ports;
    private readonly bool _linksRuns;
    private int _references = 1;
    private CoherentClientMemory? _coherentMemory;

    /// <param name="topology">Who there is.</param>
    /// <param name="policy">Who makes addresses: a name of <see cref="PeerExperiment.DriverPolicies"/>.</param>
    /// <exception cref="FormatException">There is no such policy; the message lists those that there are.</exception>
    public SoftwareMachine(PeerTopology topology, string policy)
    {
        Topology = topology;
        _ports = new PeerPort?[topology.Devices.Count];
        Policy = PeerExperiment.CreatePolicy(policy, topology, Locks);
        Iova = PeerExperiment.CreateIova(policy, topology, Locks);
        _linksRuns = Policy is BrokerPolicy;
        Bus = new PeerBus(_ports, system: null);
        Owners = new PeerOwners(topology);
    }

    /// <summary>Which way leads from each device to each.</summary>
    public PeerTopology Topology { get; }

    /// <summary>Whether there is more than one device.</summary>
    public bool HasPeers => _ports.Length > 1;

    /// <summary>The always-on proof of lock order.</summary>
    public LockChecker Locks { get; } = new();

    /// <summary>Who makes addresses of device pages for migrations.</summary>
    public PeerMappingPolicy Policy { get; }

    /// <summary>How get_pages makes them.</summary>
    public PagemapIova Iova { get; }

    /// <summary>The way to memory behind addresses of any space.</summary>
    public PeerBus Bus { get; }

    /// <summary>Who shares pages with whom.</summary>
    public PeerOwners Owners { get; }

    /// <summary>What has been done.</summary>
    public PeerCounters Counters { get; } = new();

    /// <summary>The memory of this process where touches of the CPU are not noticed: one for all devices, as each must know what the others have.</summary>
    /// <param name="reason">Why they are not.</param>
    public ClientMemory CoherentMemory(string reason) =>
        LazyInitializer.EnsureInitialized(ref _coherentMemory, () => new CoherentClientMemory(reason));

    /// <summary>A device that is up, or null.</summary>
    public SoftwareDevice? Device(int index) => (Volatile.Read(ref _ports[index]) as SoftwarePort)?.Device;

    /// <summary>A range's addresses of another device's memory, to be made and dropped.</summary>
    public PeerRangeMapping CreateMapping() => new(Topology, Iova, _linksRuns);

    /// <summary>The way from a device to another's memory.</summary>
    public PeerRoute Route(SoftwareDevice initiator, SoftwareDevice target)
    {
        PeerLink link = Topology.Link(initiator.Port.Index, target.Port.Index);
        return link.IsUsable ? link.Route : PeerRoute.None;
    }

    /// <summary>A device comes up.</summary>
    public void Add(SoftwarePort port)
    {
        Interlocked.Increment(ref _references);
        Volatile.Write(ref _ports[port.Index], port);
    }

    /// <summary>A device is gone.</summary>
    public void Remove(SoftwarePort port)
    {
        Interlocked.CompareExchange(ref _ports[port.Index], null, port);
        Dispose();
    }

    /// <summary>Drops a reference.</summary>
    public void Dispose()
    {
        if (Interlocked.Decrement(ref _references) == 0)
        {
            Locks.Dispose();
            _coherentMemory?.ReleaseStaging();
        }
    }
}
