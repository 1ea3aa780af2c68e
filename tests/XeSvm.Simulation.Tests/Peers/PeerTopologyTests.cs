using XeSvm.Simulation.Iommu;
using XeSvm.Simulation.Peers;
using XeSvm.Simulation.Peers.Machine;
using Xunit;

namespace XeSvm.Simulation.Tests.Peers;

/// <summary>Topologies: what files say, what is refused, which way is chosen, and who shares pages with whom.</summary>
public class PeerTopologyTests
{
    [Theory]
    [InlineData("pair-p2p", 2, PeerRoute.PciePeer)]
    [InlineData("pair-isolated", 2, PeerRoute.None)]
    [InlineData("quad-fabric-physical", 4, PeerRoute.FabricPhysical)]
    [InlineData("quad-fabric-virtual", 4, PeerRoute.FabricVirtual)]
    internal void A_built_in_topology_has_its_route_between_any_two_devices(string name, int devices, PeerRoute route)
    {
        PeerTopology topology = BuiltInPeerTopologies.Load(name);
        Assert.Equal(devices, topology.Devices.Count);
        for (int i = 0; i < devices; i++)
        {
            for (int j = 0; j < devices; j++)
            {
                Assert.Equal(i == j ? PeerRoute.Local : route, topology.Link(i, j).Route);
            }
        }
    }

    [Fact]
    public void The_built_in_names_are_those_that_load() =>
        Assert.All(BuiltInPeerTopologies.Names.ToArray(), name => Assert.Equal(name, BuiltInPeerTopologies.Load(name).Name));

    [Fact]
    public void A_fabric_is_taken_before_pcie_and_neither_with_a_negative_distance()
    {
        PeerLink fabric = new(PeerRoute.FabricVirtual, 3, 100, 1);
        PeerLink pcie = new(PeerRoute.PciePeer, 0, 20, 1);
        Assert.Same(fabric, PeerTopology.Choose(fabric, pcie));
        Assert.Same(pcie, PeerTopology.Choose(fabric with { Distance = -1 }, pcie));
        Assert.Same(PeerLink.None, PeerTopology.Choose(null, pcie with { Distance = -2 }));
        Assert.Same(PeerLink.None, PeerTopology.Choose(null, null));
    }

    [Theory]
    [InlineData("{", "no JSON")]
    [InlineData("[]", "topology is no object")]
    [InlineData("""{ "schema": "other/9" }""", "'xesvm.topology/1'")]
    [InlineData("""{ "schema": "xesvm.topology/1", "name": "x", "devices": [] }""", "valid is 1 to 64")]
    [InlineData("""{ "schema": "xesvm.topology/1", "name": "x", "colour": 1 }""", "topology.colour is not known")]
    [InlineData("""{ "schema": "xesvm.topology/1", "name": "x", "devices": [ { "name": "a", "vramBytes": 5 } ] }""", "topology.devices[0].vramBytes is 5")]
    [InlineData("""{ "schema": "xesvm.topology/1", "name": "x", "devices": [ { "name": "a", "vramBytes": 274877906944, "tiles": 2 } ] }""", "more than 274877906944 bytes")]
    [InlineData("""{ "schema": "xesvm.topology/1", "name": "x", "devices": [ { "name": "a", "vramBytes": 2097152, "iommu": { "levels": 7 } } ] }""", "3, 4 or 5")]
    [InlineData("""{ "schema": "xesvm.topology/1", "name": "x", "devices": [ { "name": "a", "vramBytes": 2097152, "iommu": { "mode": "fast" } } ] }""", "off, passthrough")]
    [InlineData("""{ "schema": "xesvm.topology/1", "name": "x", "devices": [ { "name": "a", "vramBytes": 2097152 }, { "name": "a", "vramBytes": 2097152 } ] }""", "another device has")]
    [InlineData("""{ "schema": "xesvm.topology/1", "name": "x", "devices": [ { "name": "a", "vramBytes": 2097152 } ], "links": [ { "from": "a", "to": "b" } ] }""", "the devices are a")]
    [InlineData("""{ "schema": "xesvm.topology/1", "name": "x", "devices": [ { "name": "a", "vramBytes": 2097152 } ], "links": [ { "from": "a", "to": "a" } ] }""", "none to itself")]
    public void A_file_that_is_wrong_is_refused_with_the_place_and_what_is_valid(string json, string expected)
    {
        FormatException error = Assert.Throws<FormatException>(() => PeerTopologyReader.Read(json));
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_name_that_is_no_topology_is_refused_with_those_that_there_are()
    {
        FormatException error = Assert.Throws<FormatException>(() => BuiltInPeerTopologies.Load("ring-of-12"));
        Assert.Contains("pair-p2p, pair-isolated, quad-fabric-physical, quad-fabric-virtual", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_link_may_lead_one_way()
    {
        PeerTopology topology = PeerTopologyReader.Read("""
            { "schema": "xesvm.topology/1", "name": "x",
              "devices": [ { "name": "a", "vramBytes": 2097152 }, { "name": "b", "vramBytes": 2097152, "iommu": { "mode": "lazy" } } ],
              "links": [ { "from": "a", "to": "b", "bothWays": false, "pcie": { "distance": 0, "gigabytesPerSecond": 1, "latencyNanoseconds": 0 } } ] }
            """);
        Assert.Equal(PeerRoute.PciePeer, topology.Link(0, 1).Route);
        Assert.Equal(PeerRoute.None, topology.Link(1, 0).Route);
        Assert.Equal(IommuMode.Lazy, topology.Devices[1].Iommu.Mode);
        Assert.Equal(0, new PeerOwners(topology).Join(0));
    }

    /// <summary>0 and 1 are connected, 1 and 2 are connected, 0 and 2 are not.</summary>
    [Theory]
    [InlineData(new[] { 0, 1, 2 }, new[] { 0, 0, 1 })]
    [InlineData(new[] { 2, 1, 0 }, new[] { 0, 0, 1 })]
    [InlineData(new[] { 0, 2, 1 }, new[] { 0, 1, 0 })]
    public void A_newcomer_joins_the_first_group_that_it_fully_connects_to_so_order_matters(int[] arrivals, int[] tokens)
    {
        PeerOwners owners = new(PeerMachines.Line());
        Assert.Equal(tokens, arrivals.Select(owners.Join));
    }

    [Fact]
    public void Two_peers_of_one_device_share_a_token_and_leave_once_each()
    {
        PeerOwners owners = new(PeerMachines.Line());
        int token = owners.Join(1);
        Assert.Equal(token, owners.Join(1));
        Assert.Equal(0, owners.Leave(token, 1));
        Assert.Equal(0, owners.Leave(token, 1));
        Assert.Equal(-Errno.EINVAL, owners.Leave(token, 1));
        Assert.Equal(-Errno.EINVAL, owners.Leave(9, 1));
    }
}
