using XeSvm.Simulation.Cost;
using XeSvm.Simulation.Dma;
using XeSvm.Simulation.Driver;
using XeSvm.Simulation.Gpu;
using XeSvm.Simulation.Peers;
using XeSvm.Simulation.Tests.Driver;
using XeSvm.Simulation.Tests.Svm.Torture;

namespace XeSvm.Simulation.Tests.Peers.Driver;

/// <summary>What patches 7, 8 and 11 promise of the whole driver: equal counts, cookies on every error path, and what becomes of mappings of memory that goes.</summary>
[Collection(TortureCollection.Name)]
public sealed unsafe class DriverPeerContractTests
{
    [Theory]
    [InlineData("pair-p2p")]
    [InlineData("quad-fabric-physical")]
    [InlineData("quad-fabric-virtual")]
    public void Patch_7_with_the_stub_every_counter_of_the_driver_is_that_of_page_by_page(string topology)
    {
        string perPage = Counters("per-page");
        Assert.Equal(perPage, Counters("stub"));
        Assert.NotEqual(perPage, topology == "quad-fabric-physical" ? "" : Counters("driver-owned"));

        // Migration and get_pages by different initiators, on this thread: what one frees is not there for the other by chance.
        string Counters(string policy)
        {
            using var machine = new PeerDriver(topology, policy);
            ulong moved = machine.Allocate();
            ulong used = machine.Allocate();
            Assert.Equal(0, machine[0].Prefetch(moved, PeerDriver.Block, 1));
            Assert.Equal(0, machine[1].Prefetch(moved, PeerDriver.Block, 1));
            Assert.Equal(0, machine.Advise(1, used, 0));
            Assert.Equal(0, machine.PrefetchAdvised(1, used));
            Assert.Equal((1, 0), (machine.Home(moved), machine.Home(used)));
            Assert.Equal(0, machine[0].Prefetch(used, PeerDriver.Block, 0));
            machine.CloseAll();
            string[] lines = machine.Counters.Format(machine.Machine).Split('\n');
            Assert.Contains($"policy: {policy}", lines);
            return string.Join('\n', lines.Where(line => !line.StartsWith("policy: ", StringComparison.Ordinal)));
        }
    }

    [Theory]
    [InlineData("pair-p2p", FaultPoint.Link, 0)]
    [InlineData("pair-p2p", FaultPoint.Link, 1)]
    [InlineData("pair-p2p", FaultPoint.Link, 511)]
    [InlineData("pair-p2p", FaultPoint.Sync, null)]
    [InlineData("quad-fabric-virtual", FaultPoint.Link, 255)]
    [InlineData("quad-fabric-virtual", FaultPoint.Sync, null)]
    [Trait("Rule", "svm 6.undo")]
    public void Patch_11_a_link_or_sync_of_get_pages_that_fails_is_undone_and_at_most_one_cookie_is_live(string topology, FaultPoint point, int? page)
    {
        using var machine = new PeerDriver(topology);
        ulong memory = machine.Allocate();
        Assert.Equal(0, machine.Advise(1, memory, 0));
        Assert.Equal(0, machine[0].Prefetch(memory, PeerDriver.Block, 1));
        FaultInjector faults = topology == "pair-p2p" ? machine.Backend.Faults : machine[0].Device.Port.FabricFaults;
        faults.Add(new FaultRule(point) { Page = page, Probability = 1 });
        Assert.Equal(point == FaultPoint.Link ? -Errno.ENOMEM : -Errno.EIO, machine.PrefetchAdvised(1, memory));
        PeerWork failed = machine.Counters.GetPages;
        ref readonly DmaWork space = ref topology == "pair-p2p" ? ref failed.Initiator : ref failed.Target;
        Assert.True(space.Errors > 0, "nothing has failed");
        Assert.Equal(space.PteSet, space.PteClear);
        Assert.InRange(failed.CookieAlloc - failed.CookieFree, 0UL, 1UL);
        Assert.Equal(0, machine.Home(memory));
        machine.AssertClean();

        faults.Clear(point);
        Assert.Equal(0, machine[1].Store(memory + 8, 6));
        PeerWork mapped = machine.Counters.GetPages;
        Assert.Equal(1UL, mapped.CookieAlloc - mapped.CookieFree);
        Assert.Equal(0, machine.Home(memory));
        Assert.Equal(6u, *(uint*)(memory + 8));
        PeerDriver.AssertContent(memory);
    }

    [Fact]
    public void In_direct_mode_get_pages_reserves_nothing_whatever_the_policy()
    {
        using var topology = TopologyFile.BuiltInWith("pair-p2p", "strict", "passthrough");
        List<string> counts = [];
        foreach (string policy in PeerExperiment.DriverPolicies)
        {
            using var machine = new PeerDriver(topology.Path, policy);
            ulong memory = machine.Allocate();
            Assert.Equal(0, machine.Advise(1, memory, 0));
            Assert.Equal(0, machine.PrefetchAdvised(1, memory));
            PeerWork work = machine.Counters.GetPages;
            Assert.Equal((0UL, 512UL, 0UL, 0UL), (work.CookieAlloc, work.Direct, work.Mmio, work.Initiator.PteSet));
            counts.Add(string.Join(' ', DmaWork.ReadValues(in work.Initiator).ToArray()));
        }

        Assert.Single(counts.Distinct());
    }

    [Fact]
    public void A_device_that_is_lost_takes_nothing_with_it_that_another_has_mapped()
    {
        using var machine = new PeerDriver("pair-p2p");
        ulong memory = machine.Allocate();
        Assert.Equal(0, machine.Advise(1, memory, 0));
        Assert.Equal(0, machine[1].Store(memory + 8, 1));
        Assert.Equal((0, 1UL), (machine.Home(memory), machine.Counters.GetPages.CookieAlloc));
        machine[0].Device.Loss.Declare();
        Assert.Equal(-1, machine.Home(memory));
        PeerWork work = machine.Counters.GetPages;
        Assert.Equal((512UL, 512UL), (work.Initiator.PteSet, work.Initiator.PteClear));
        machine.AssertClean();

        // The survivor goes on, with the data in system memory.
        Assert.Equal(0, machine[1].Store(memory + 0x1008, 2));
        Assert.Equal((1u, 2u), (*(uint*)(memory + 8), *(uint*)(memory + 0x1008)));
        PeerDriver.AssertContent(memory);
        Assert.Equal(1UL, machine.Counters.GetPages.CookieAlloc);
    }

    [Fact]
    public void An_access_by_a_stale_mapping_reaches_nothing_and_is_counted()
    {
        using var machine = new PeerDriver("pair-p2p") { ExpectedStaleAccesses = 2 };
        DmaWork work = default;
        ulong stale = machine[0].Device.Port.BarBase + (8 << 20);
        Assert.Equal(0, machine[1].Device.Dma.MapResource(stale, 4096, DmaDirection.Bidirectional, ref work, out ulong address));
        BusAccess access = new(machine[1].Device);
        uint word = 7;
        Assert.Equal(-Errno.EFAULT, access.Read(new GpuBusAddress(address), &word, sizeof(uint)));
        Assert.Equal(-Errno.EFAULT, access.Write(new GpuBusAddress(address), &word, sizeof(uint)));
        Assert.Equal(7u, word);
        Assert.Equal(0u, *(uint*)(machine[0].Device.VramBase + (8 << 20)));
        Assert.Equal(0, machine[1].Device.Dma.UnmapResource(address, 4096, DmaDirection.Bidirectional, ref work));
    }

    [Fact]
    public void Between_devices_of_several_tiles_every_VRAM_is_reached_from_every_other()
    {
        using var topology = TopologyFile.OfPair("\"profile\": \"pvc2\"", "\"profile\": \"pvc2\"");
        using var machine = new PeerDriver(topology.Path);
        ulong memory = machine.Allocate();
        (int Device, int Tile)[] places = [(0, 0), (1, 1), (0, 1), (1, 0), (1, 1), (0, 0)];
        ulong[] bytes = new ulong[RouteBytes.RouteCount];
        (int Device, int Tile)? before = null;
        foreach ((int device, int tile) in places)
        {
            Assert.Equal(0, machine[device].Prefetch(memory, PeerDriver.Block, 1u + (uint)tile));
            Assert.Same(machine[device].Device.Tiles[tile].Pagemap, machine.AllocationOf(memory).Pagemap);
            if (before is { } from)
            {
                bytes[(int)(from.Device == device ? PeerRoute.Local : PeerRoute.PciePeer)] += PeerDriver.Block;
            }

            before = (device, tile);
            machine.AssertClean();
        }

        PeerWork work = machine.Counters.Migrate;
        Assert.Equal(bytes, ((ReadOnlySpan<ulong>)work.Bytes).ToArray());

        // In place, in the VRAM of the second tile of the other.
        Assert.Equal(0, machine.Advise(0, memory, 1, region: 2));
        Assert.Equal(0, machine.Advise(1, memory, 1, region: 2));
        Assert.Equal(0, machine[1].Prefetch(memory, PeerDriver.Block, 2));
        Assert.Equal(0, machine[0].Store(memory + 0x4008, 9));
        Assert.Same(machine[1].Device.Tiles[1].Pagemap, machine.AllocationOf(memory).Pagemap);
        Assert.True(machine.Counters.Accessed(PeerRoute.PciePeer) > 0);
        Assert.Equal(9u, *(uint*)(memory + 0x4008));
        PeerDriver.AssertContent(memory);
    }
}
