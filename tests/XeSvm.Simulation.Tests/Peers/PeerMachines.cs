using System.Runtime.InteropServices;
using XeSvm.Simulation.Dma;
using XeSvm.Simulation.Iommu;
using XeSvm.Simulation.Peers;
using XeSvm.Simulation.Peers.Machine;
using XeSvm.Simulation.Peers.Mapping;
using Xunit;

namespace XeSvm.Simulation.Tests.Peers;

/// <summary>Machines for tests, and what tests do with them.</summary>
internal static class PeerMachines
{
    public const ulong Megabyte = 1UL << 20;

    /// <summary>Every policy, by name.</summary>
    public static TheoryData<string, string> RoutesAndPolicies()
    {
        TheoryData<string, string> data = [];
        foreach (string topology in new[] { "pair-p2p", "pair-isolated", "quad-fabric-physical", "quad-fabric-virtual" })
        {
            foreach (string policy in new[] { "per-page", "driver-owned", "broker" })
            {
                data.Add(topology, policy);
            }
        }

        return data;
    }

    /// <summary>Devices 0 and 1 are connected, and 1 and 2.</summary>
    public static PeerTopology Line()
    {
        PeerTopology pair = BuiltInPeerTopologies.Load("pair-p2p");
        PeerLink link = pair.Link(0, 1);
        PeerLink local = pair.Link(0, 0);
        return new PeerTopology(
            "line",
            [pair.Devices[0], pair.Devices[1], pair.Devices[1] with { Name = "gpu2" }],
            new[,] { { local, link, PeerLink.None }, { link, local, link }, { PeerLink.None, link, local } });
    }

    /// <summary>A topology with other devices in it.</summary>
    public static PeerTopology With(this PeerTopology topology, Func<PeerDeviceDescription, PeerDeviceDescription> change)
    {
        int count = topology.Devices.Count;
        PeerLink[,] links = new PeerLink[count, count];
        for (int i = 0; i < count; i++)
        {
            for (int j = 0; j < count; j++)
            {
                links[i, j] = topology.Link(i, j);
            }
        }

        return new PeerTopology(topology.Name, [.. topology.Devices.Select(change)], links);
    }

    public static PeerTopology WithMode(this PeerTopology topology, IommuMode mode) =>
        topology.With(device => device with { Iommu = device.Iommu with { Mode = mode } });

    public static PeerMappingPolicy Policy(PeerMachine machine, string name) => name switch
    {
        "per-page" => new PeerPerPagePolicy(machine.Topology),
        "driver-owned" => new DriverOwnedPolicy(machine.Topology, new DevicePagemapIova(machine.Topology, machine.Locks)),
        "broker" => new BrokerPolicy(machine.Topology, new DevicePagemapIova(machine.Topology, machine.Locks)),
        "stub" => new DriverOwnedPolicy(machine.Topology, new NoPagemapIova(machine.Locks), "stub"),
        _ => throw new ArgumentException($"No policy {name}.", nameof(name)),
    };

    public static PeerMover Mover(PeerMachine machine, string policy) => new(machine, Policy(machine, policy), MappingStrategy.Parse("iova"));

    public static PeerAllocation Allocate(PeerMachine machine, ulong size)
    {
        Assert.Equal(0, machine.Allocate(size, out PeerAllocation? allocation));
        return allocation!;
    }

    /// <summary>The memory of an allocation, wherever it is. Nobody may move it meanwhile.</summary>
    public static unsafe Span<uint> Words(PeerMachine machine, PeerAllocation allocation)
    {
        byte* memory = allocation.Buffer is { } buffer ? buffer.Device.Pointer(buffer.Offset) : machine.System.Pointer(allocation.Physical);
        return MemoryMarshal.Cast<byte, uint>(new Span<byte>(memory, (int)allocation.Size));
    }

    public static void Fill(PeerMachine machine, PeerAllocation allocation, uint seed)
    {
        Span<uint> words = Words(machine, allocation);
        for (int i = 0; i < words.Length; i++)
        {
            words[i] = ((uint)i * 2654435761u) ^ seed;
        }
    }

    public static void AssertHolds(PeerMachine machine, PeerAllocation allocation, uint seed)
    {
        Span<uint> words = Words(machine, allocation);
        for (int i = 0; i < words.Length; i++)
        {
            if (words[i] != (((uint)i * 2654435761u) ^ seed))
            {
                Assert.Fail($"Word {i} is 0x{words[i]:x}, not 0x{((uint)i * 2654435761u) ^ seed:x}.");
            }
        }
    }

    public static void AssertClean(PeerMachine machine) => Assert.Empty(PeerAudit.Run(machine));

    /// <summary>Contiguous 4 KiB folios of a target's VRAM.</summary>
    public static PeerPage[] Pages(int count, ulong first = 0) =>
        [.. Enumerable.Range(0, count).Select(i => new PeerPage(first + ((ulong)i << 12), 0, IsHole: false))];
}
