using XeSvm.Simulation.Cost;
using XeSvm.Simulation.Driver;
using XeSvm.Simulation.Iommu;
using XeSvm.Simulation.Peers;
using XeSvm.Simulation.Tests.Driver;
using XeSvm.Simulation.Tests.Svm.Torture;

namespace XeSvm.Simulation.Tests.Peers.Driver;

/// <summary>What a topology and the options say together of a machine: profiles, VRAM and IOMMUs of its devices.</summary>
[Collection(TortureCollection.Name)]
public sealed class DriverTopologyTests
{
    private const string Megabytes64 = "\"vramBytes\": 67108864";

    [Fact]
    public void Each_device_is_of_the_profile_that_the_topology_names_for_it()
    {
        using var topology = TopologyFile.OfPair($"\"profile\": \"pvc2\", {Megabytes64}", $"\"profile\": \"bmg-smallbar\", \"iommu\": {{ \"mode\": \"lazy\" }}");
        using var backend = new SoftwareBackend(new SoftwareBackendOptions { Device = topology.Path });
        using var first = new DrmClient(backend, 0);
        using var second = new DrmClient(backend, 1);
        Assert.Equal((0x0bd5, 2, 65536u), (first.Device.Profile.DeviceId, first.Device.Tiles.Length, first.Device.Profile.MinPageSize));
        Assert.Equal(64UL << 20, first.Device.Profile.Tiles[1].VramBytes);
        Assert.Equal((1, 4096u), (second.Device.Tiles.Length, second.Device.Profile.MinPageSize));
        Assert.True(second.Device.Profile.Tiles[0].VisibleVramBytes < second.Device.Profile.Tiles[0].VramBytes);
        Assert.Equal((IommuMode.Strict, IommuMode.Lazy), (first.Device.Dma.Domain.Options.Mode, second.Device.Dma.Domain.Options.Mode));
        Assert.Equal("bmg", BuiltInPeerTopologies.Load("pair-p2p").Devices[1].ProfileName);
        Assert.Equal(["pvc2", "bmg-smallbar"], BuiltInPeerTopologies.Load(topology.Path).Devices.Select(device => device.ProfileName));
    }

    [Theory]
    [InlineData("\"profile\": \"lnl\", " + Megabytes64, "topology.devices[1].profile: The device profile 'lnl' has no VRAM")]
    [InlineData("\"profile\": \"a770\", " + Megabytes64, "topology.devices[1].profile: There is no device profile 'a770'; there are bmg, bmg-smallbar, dual-bmg")]
    [InlineData("\"profile\": \"pair-p2p\", " + Megabytes64, "There is no device profile 'pair-p2p'")]
    [InlineData("\"profile\": \"/nowhere/gpu.json\", " + Megabytes64, "cannot be read")]
    [InlineData("\"profile\": 3, " + Megabytes64, "topology.devices[1].profile")]
    [InlineData("\"tiles\": 5, " + Megabytes64, "has 5 tiles; the driver does at most 4")]
    [InlineData("\"tiles\": 1", "topology.devices[1].vramBytes")]
    public void A_device_that_no_profile_describes_is_refused_with_what_is_valid(string device, string expected)
    {
        using var topology = TopologyFile.OfPair(Megabytes64, device);
        FormatException error = Assert.Throws<FormatException>(() => new SoftwareBackend(new SoftwareBackendOptions { Device = topology.Path }));
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Options_of_the_IOMMU_go_before_the_topology_and_what_they_do_not_say_is_as_it_says()
    {
        using var topology = TopologyFile.OfPair(
            $"{Megabytes64}, \"iommu\": {{ \"mode\": \"lazy\", \"walker\": \"non-coherent\", \"levels\": 3 }}", Megabytes64);
        var options = new SoftwareBackendOptions { Device = topology.Path };
        Check(options, 0, (IommuMode.Lazy, false, 3));
        Check(options, 1, (IommuMode.Strict, true, 4));
        options = options with { Iommu = IommuMode.Passthrough };
        Check(options, 0, (IommuMode.Passthrough, false, 3));
        Check(options, 1, (IommuMode.Passthrough, true, 4));
        options = options with { Iommu = IommuMode.Strict, CoherentWalker = true, PageTableLevels = 5 };
        Check(options, 0, (IommuMode.Strict, true, 5));
        Check(options, 1, (IommuMode.Strict, true, 5));
        Assert.Throws<ArgumentException>(() => new SoftwareBackend(options with { PageTableLevels = 6 }));

        static void Check(SoftwareBackendOptions options, int index, (IommuMode, bool, int) expected)
        {
            using var backend = new SoftwareBackend(options);
            using var client = new DrmClient(backend, index);
            IommuOptions iommu = client.Device.Dma.Domain.Options;
            Assert.Equal(expected, (iommu.Mode, iommu.CoherentWalker, iommu.Levels));
            Assert.Equal(iommu, backend.Machine.Topology.Devices[index].Iommu);
        }
    }

    [Fact]
    public void Options_of_IOMMU_layout_and_strategy_show_in_what_a_migration_between_devices_of_a_topology_costs()
    {
        Assert.Equal((1UL, 513UL, 512UL), Cost(new SoftwareBackendOptions()));
        Assert.Equal((1UL, 0UL, 0UL), Cost(new SoftwareBackendOptions { Iommu = IommuMode.Passthrough }));
        Assert.Equal((1UL, 2UL, 1UL), Cost(new SoftwareBackendOptions { Layout = "contiguous", Strategy = "iova-runs" }));

        // The way into the first device's VRAM: of the memory's mapping, the segments, the walks and the entries.
        static (ulong Segments, ulong Walks, ulong Entries) Cost(SoftwareBackendOptions options)
        {
            using var machine = new PeerDriver(options with { Device = "pair-p2p", VramBytes = 64 << 20 });
            ulong memory = machine.Allocate();
            Assert.Equal(0, machine[0].Prefetch(memory, PeerDriver.Block, 1));
            DmaWork work = machine[0].Device.Counters.Read(DmaPurpose.MigrateToDevice);
            Assert.Equal(0, machine[1].Prefetch(memory, PeerDriver.Block, 1));
            Assert.Equal(options.Iommu == IommuMode.Passthrough ? 0UL : 1UL, machine.Counters.Migrate.CookieAlloc);
            PeerDriver.AssertContent(memory);
            return (work.Segments, work.Walks, work.PteSet);
        }
    }
}
