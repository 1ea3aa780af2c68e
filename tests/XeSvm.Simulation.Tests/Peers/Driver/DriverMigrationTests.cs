using XeSvm.Simulation.Cost;
using XeSvm.Simulation.Peers;
using XeSvm.Simulation.Tests.Driver;
using XeSvm.Simulation.Tests.Svm.Torture;

namespace XeSvm.Simulation.Tests.Peers.Driver;

/// <summary>SVM memory that goes from one device of the driver to another (patches 6 to 10): counted, by the modelled route, with every byte.</summary>
[Collection(TortureCollection.Name)]
public sealed unsafe class DriverMigrationTests
{
    public static TheoryData<string, string> RoutesAndPolicies => PeerMachines.RoutesAndPolicies();

    [Theory]
    [MemberData(nameof(RoutesAndPolicies))]
    public void An_SVM_allocation_goes_from_device_to_device_over_the_route_of_the_topology(string topology, string policy)
    {
        using var machine = new PeerDriver(topology, policy);
        ulong memory = machine.Allocate();
        Assert.Equal(0, machine[0].Store(memory + 8, 1));
        Assert.Equal(0, machine.Home(memory));
        long home = machine[0].Counter("svm_cpu_copy_kb");
        Assert.Equal(0, machine[1].Store(memory + 4096 + 8, 2));
        Assert.Equal(1, machine.Home(memory));
        PeerRoute route = machine.Machine.Route(machine[0].Device, machine[1].Device);
        PeerWork work = machine.Counters.Migrate;
        bool direct = route != PeerRoute.None;
        Assert.Equal(direct ? 1 : 0, machine.Counters.Migrations(route));
        Assert.Equal(direct ? PeerDriver.Block : 0UL, work.Bytes[(int)route]);

        // By the source's engine when there is a way, else home and out again.
        Assert.Equal(2048, machine[0].Counter("svm_cpu_copy_kb") - home);
        Assert.Equal(direct ? 0 : 2048, machine[1].Counter("svm_device_copy_kb"));
        Assert.Equal((1u, 2u), (*(uint*)(memory + 8), *(uint*)(memory + 4096 + 8)));
        PeerDriver.AssertContent(memory);
        Assert.Equal(machine.IsCoherent ? 1 : -1, machine.Home(memory));
    }

    [Fact]
    public void Patch_8_migrates_512_pages_with_one_reservation_512_links_one_sync_one_unlink_and_one_free()
    {
        using var machine = new PeerDriver("pair-p2p");
        PeerWork work = MigrateOnce(machine);
        DmaWork iommu = work.Initiator;
        Assert.Equal((1UL, 1UL), (work.CookieAlloc, work.CookieFree));
        Assert.Equal((1UL, 512UL, 1UL, 1UL, 1UL), (iommu.IovaAllocs, iommu.LinkCalls, iommu.SyncCalls, iommu.UnlinkCalls, iommu.IovaFree));
        Assert.Equal((0UL, 0UL, 512UL), (iommu.MapCalls, work.Direct, work.Mmio));
    }

    [Fact]
    public void Page_by_page_makes_512_reservations_and_512_mappings()
    {
        using var machine = new PeerDriver("pair-p2p", "per-page");
        PeerWork work = MigrateOnce(machine);
        Assert.Equal((512UL, 512UL, 512UL, 512UL), (work.Initiator.IovaAllocs, work.Initiator.MapCalls, work.Initiator.UnmapCalls, work.Initiator.IovaFree));
        Assert.Equal((0UL, 0UL), (work.CookieAlloc, work.Initiator.LinkCalls));
    }

    [Fact]
    public void A_broker_links_the_whole_range_at_once()
    {
        using var machine = new PeerDriver("quad-fabric-virtual", "broker");
        PeerWork work = MigrateOnce(machine);
        Assert.Equal((1UL, 1UL, 1UL, 1UL), (work.Target.IovaAllocs, work.Target.LinkCalls, work.Target.UnlinkCalls, work.Target.IovaFree));
        Assert.Equal(0UL, work.Initiator.IovaAllocs);
    }

    [Fact]
    public void Patch_7_without_an_interface_get_pages_counts_as_page_by_page()
    {
        PeerWork[] work = new PeerWork[2];
        foreach ((string topology, string policy, int index) in new[] { ("pair-p2p", "per-page", 0), ("quad-fabric-physical", "driver-owned", 1) })
        {
            using var machine = new PeerDriver(topology, policy);
            ulong memory = machine.Allocate();
            Assert.Equal(0, machine.Advise(1, memory, 0));
            Assert.Equal(0, machine[1].Store(memory + 8, 1));
            work[index] = machine.Counters.GetPages;
        }

        Assert.Equal((0UL, 512UL, 0UL), (work[0].CookieAlloc, work[0].Initiator.MapCalls, work[0].Initiator.LinkCalls));

        // And where addresses need no translation, one for each page is all there is to count.
        Assert.Equal((0UL, 512UL, 0UL), (work[1].CookieAlloc, work[1].Direct, work[1].Initiator.MapCalls));
    }

    [Fact]
    public void In_direct_mode_all_policies_count_the_same()
    {
        using var topology = TopologyFile.BuiltInWith("pair-p2p", "strict", "passthrough");
        List<string> counts = [];
        foreach (string policy in PeerExperiment.DriverPolicies)
        {
            using var machine = new PeerDriver(topology.Path, policy);
            PeerWork work = MigrateOnce(machine);
            Assert.Equal((0UL, 512UL), (work.CookieAlloc, work.Direct));
            counts.Add(string.Join(' ', DmaWork.ReadValues(in work.Initiator).ToArray()) + $" {work.Mmio}");
        }

        Assert.Single(counts.Distinct());
    }

    [Fact]
    public void Between_tiles_of_one_device_no_address_is_reserved()
    {
        using var machine = new PeerDriver("pvc2");
        ulong memory = machine.Allocate();
        Assert.Equal(0, machine[0].Prefetch(memory, PeerDriver.Block, 1));
        Assert.Equal(0, machine[0].Prefetch(memory, PeerDriver.Block, 2));
        Assert.Same(machine[0].Device.Tiles[1].Pagemap, machine.AllocationOf(memory).Pagemap);
        PeerWork work = machine.Counters.Migrate;
        Assert.Equal((0UL, 512UL, PeerDriver.Block), (work.CookieAlloc, work.Direct, work.Bytes[(int)PeerRoute.Local]));
        PeerDriver.AssertContent(memory);
    }

    [Fact]
    [Trait("Rule", "svm 9.advised")]
    public void A_prefetch_brings_memory_to_the_VRAM_of_the_peer_that_was_advised()
    {
        using var machine = new PeerDriver("dual-bmg");
        ulong memory = machine.Allocate();
        Assert.Equal(0, machine.Advise(1, memory, 0));
        Assert.Equal(0, machine.PrefetchAdvised(1, memory));
        Assert.Equal(0, machine.Home(memory));
        Assert.True(machine[1].Device.Machine.Counters.GetPages.CookieAlloc == 1);

        // And from there to the own VRAM, by the region's number.
        Assert.Equal(0, machine[1].Prefetch(memory, PeerDriver.Block, 1));
        Assert.Equal(1, machine.Home(memory));
        Assert.Equal(1, machine.Counters.Migrations(PeerRoute.PciePeer));
        PeerDriver.AssertContent(memory);
    }

    [Fact]
    public void Smaller_ranges_go_too_each_as_its_own_allocation()
    {
        using var machine = new PeerDriver("pair-p2p");
        ulong memory = DrmClient.Map(96 << 10, 1 << 16);
        DrmClient.Touch(memory, 96 << 10);
        for (int device = 0; device < 2; device++)
        {
            Assert.Equal(0, machine[device].Store(memory + 8, 1));
            Assert.Equal(0, machine[device].Store(memory + (80 << 10) + 8, 1));
            Assert.Equal(device, machine.Home(memory, 1 << 16));
            Assert.Equal(device, machine.Home(memory + (80 << 10), 4096));
        }

        Assert.Equal(2, machine.Counters.Migrations(PeerRoute.PciePeer));
        Assert.Equal(17UL << 12, machine.Counters.Migrate.Bytes[(int)PeerRoute.PciePeer]);
        PeerDriver.AssertContent(memory, 96 << 10);
        machine.CloseAll();
        DrmClient.Unmap(memory, 96 << 10);
    }

    [Fact]
    public void Part_of_an_allocation_goes_by_way_of_system_memory()
    {
        using var machine = new PeerDriver("pair-p2p");
        ulong memory = machine.Allocate();
        Assert.Equal(0, machine[0].Store(memory + 8, 1));

        // This VM mirrors the upper half only, in ranges of 64 KiB.
        uint vm = machine[1].Vm;
        Assert.Equal(0, machine[1].UnbindRange(vm, memory, PeerDriver.Block / 2));
        Assert.Equal(0, machine[1].Store(memory + (PeerDriver.Block / 2) + 8, 2));
        Assert.Equal(1, machine.Home(memory + (PeerDriver.Block / 2), 1 << 16));
        Assert.Equal(0, machine.Counters.Migrations(PeerRoute.PciePeer));
        Assert.Equal((1u, 2u), (*(uint*)(memory + 8), *(uint*)(memory + (PeerDriver.Block / 2) + 8)));
        PeerDriver.AssertContent(memory);
    }

    private static PeerWork MigrateOnce(PeerDriver machine)
    {
        ulong memory = machine.Allocate();
        Assert.Equal(0, machine[0].Store(memory + 8, 1));
        Assert.Equal(0, machine[1].Store(memory + 8, 2));
        Assert.Equal(1, machine.Home(memory));
        PeerWork work = machine.Counters.Migrate;
        PeerDriver.AssertContent(memory);
        return work;
    }
}
