using XeSvm.Simulation.Cost;
using XeSvm.Simulation.Dma;
using XeSvm.Simulation.Iommu;
using XeSvm.Simulation.Peers;
using XeSvm.Simulation.Peers.Locks;
using XeSvm.Simulation.Peers.Machine;
using XeSvm.Simulation.Peers.Mapping;
using XeSvm.Simulation.Tests.Gpu.Support;
using Xunit;

namespace XeSvm.Simulation.Tests.Peers;

/// <summary>Migration between devices (patches 8 and 9): counts, content, ways, failures, pins.</summary>
public class PeerMigrationTests
{
    private const ulong Size = 2 * PeerMachines.Megabyte;

    public static TheoryData<string, string> RoutesAndPolicies => PeerMachines.RoutesAndPolicies();

    [Theory]
    [MemberData(nameof(RoutesAndPolicies))]
    public void Content_goes_to_a_device_to_another_and_home(string topology, string policy)
    {
        using PeerMachine machine = new(BuiltInPeerTopologies.Load(topology));
        PeerMover mover = PeerMachines.Mover(machine, policy);
        PeerAllocation allocation = PeerMachines.Allocate(machine, Size + (3 * 4096));
        PeerMachines.Fill(machine, allocation, 7);
        PeerWork work = default;
        foreach (int device in new[] { 0, 1, 0, 1 })
        {
            Assert.Equal(0, mover.ToDevice(allocation, device, 0, ref work));
            Assert.Equal(device, allocation.Buffer!.Device.Index);
            PeerMachines.AssertHolds(machine, allocation, 7);
            PeerMachines.AssertClean(machine);
        }

        Assert.Equal(0, mover.ToSystem(allocation, ref work));
        PeerMachines.AssertHolds(machine, allocation, 7);
        Assert.All(machine.Devices.ToArray(), device => Assert.Empty(device.Buffers()));
        machine.Free(allocation, ref work);
        Assert.Equal(0UL, machine.System.Used);
        PeerMachines.AssertClean(machine);
    }

    [Fact]
    public void A_2M_migration_over_pcie_costs_one_reservation_a_link_for_each_page_one_sync_one_unlink_one_free()
    {
        PeerWork work = MigrateOnce("pair-p2p", "driver-owned");
        AssertWork(work.Initiator, allocs: 1, links: 512, maps: 0, walks: 513, syncs: 1, invalidations: 1);
        Assert.Equal((1UL, 1UL), (work.CookieAlloc, work.CookieFree));
        Assert.Equal(1UL, work.Initiator.UnlinkCalls);
        Assert.Equal(512UL, work.Mmio);
        Assert.Equal(Size, work.Bytes[(int)PeerRoute.PciePeer]);
    }

    [Fact]
    public void The_same_page_by_page_costs_a_reservation_and_an_invalidation_for_each_page()
    {
        PeerWork work = MigrateOnce("pair-p2p", "per-page");
        // dma_unmap_resource needs no lookup: two walks a page, not three.
        AssertWork(work.Initiator, allocs: 512, links: 0, maps: 512, walks: 1024, syncs: 512, invalidations: 512);
        Assert.Equal(0UL, work.CookieAlloc);
    }

    [Fact]
    public void The_broker_links_contiguous_memory_at_once()
    {
        PeerWork work = MigrateOnce("pair-p2p", "broker");
        AssertWork(work.Initiator, allocs: 1, links: 1, maps: 0, walks: 2, syncs: 1, invalidations: 1);
        Assert.Equal(1UL, work.Initiator.Leaf2m);
    }

    [Fact]
    public void Over_a_translated_fabric_the_work_is_in_the_targets_space()
    {
        PeerWork work = MigrateOnce("quad-fabric-virtual", "driver-owned");
        AssertWork(work.Target, allocs: 1, links: 512, maps: 0, walks: 513, syncs: 1, invalidations: 1);
        AssertWork(work.Initiator, allocs: 0, links: 0, maps: 0, walks: 0, syncs: 0, invalidations: 0);
        Assert.Equal(Size, work.Bytes[(int)PeerRoute.FabricVirtual]);
    }

    [Theory]
    [InlineData("per-page")]
    [InlineData("driver-owned")]
    [InlineData("broker")]
    public void Over_network_addresses_nothing_is_mapped_at_all(string policy)
    {
        PeerWork work = MigrateOnce("quad-fabric-physical", policy);
        AssertWork(work.Initiator, allocs: 0, links: 0, maps: 0, walks: 0, syncs: 0, invalidations: 0);
        AssertWork(work.Target, allocs: 0, links: 0, maps: 0, walks: 0, syncs: 0, invalidations: 0);
        Assert.Equal((512UL, 0UL), (work.Direct, work.CookieAlloc));
        Assert.Equal(Size, work.Bytes[(int)PeerRoute.FabricPhysical]);
    }

    [Theory]
    [InlineData("per-page")]
    [InlineData("driver-owned")]
    [InlineData("broker")]
    public void In_passthrough_all_policies_converge(string policy)
    {
        PeerWork work = MigrateOnce("pair-p2p", policy, IommuMode.Passthrough);
        AssertWork(work.Initiator, allocs: 0, links: 0, maps: 512, walks: 0, syncs: 0, invalidations: 0);
        Assert.Equal((512UL, 0UL), (work.Direct, work.CookieAlloc));
    }

    [Fact]
    public void Without_a_way_data_goes_through_system_memory_in_two_migrations()
    {
        PeerWork work = MigrateOnce("pair-isolated", "driver-owned");
        Assert.Equal(2 * Size, work.Bytes[(int)PeerRoute.None]);
        Assert.Equal(2UL, work.Initiator.IovaAllocs);
        Assert.Equal(0UL, work.CookieAlloc);
    }

    [Theory]
    [InlineData("driver-owned")]
    [InlineData("broker")]
    [InlineData("per-page")]
    public void A_failure_at_any_page_leaves_nothing_behind_and_the_data_where_it_was(string policy)
    {
        foreach (int page in new[] { 0, 1, 2, 255, 511 })
        {
            using PeerMachine machine = new(BuiltInPeerTopologies.Load("pair-p2p"));
            PeerMover mover = PeerMachines.Mover(machine, policy);
            PeerAllocation allocation = PeerMachines.Allocate(machine, Size);
            PeerMachines.Fill(machine, allocation, 3);
            PeerWork work = default;
            Assert.Equal(0, mover.ToDevice(allocation, 0, 0, ref work));
            work = default;
            FaultPoint point = policy == "per-page" ? FaultPoint.Map : FaultPoint.Link;
            machine.Device(0).Faults.Add(new FaultRule(point) { At = policy == "broker" ? 1 : page + 1 });
            Assert.Equal(-Errno.ENOMEM, mover.ToDevice(allocation, 1, 0, ref work));
            Assert.Equal(0, allocation.Buffer!.Device.Index);
            Assert.Equal(work.CookieAlloc, work.CookieFree);
            Assert.Equal(work.Initiator.PteSet, work.Initiator.PteClear);
            Assert.Equal(work.Initiator.IovaAllocs, work.Initiator.IovaFree);
            Assert.Empty(machine.Device(1).Buffers());
            PeerMachines.AssertHolds(machine, allocation, 3);
            PeerMachines.AssertClean(machine);
            Assert.Equal(0, mover.ToDevice(allocation, 1, 0, ref work));
            PeerMachines.AssertHolds(machine, allocation, 3);
        }
    }

    [Fact]
    public void A_failed_sync_leaves_nothing_behind()
    {
        using PeerMachine machine = new(BuiltInPeerTopologies.Load("quad-fabric-virtual"));
        PeerMover mover = PeerMachines.Mover(machine, "driver-owned");
        PeerAllocation allocation = PeerMachines.Allocate(machine, Size);
        PeerWork work = default;
        mover.ToDevice(allocation, 0, 0, ref work);
        machine.Device(1).FabricFaults.Add(new FaultRule(FaultPoint.Sync) { At = 1 });
        Assert.Equal(-Errno.EIO, mover.ToDevice(allocation, 1, 0, ref work));
        Assert.Equal(work.CookieAlloc, work.CookieFree);
        PeerMachines.AssertClean(machine);
    }

    [Fact]
    public void A_mandatory_fabric_that_has_no_addresses_is_an_error_and_no_fallback()
    {
        using PeerMachine machine = new(BuiltInPeerTopologies.Load("quad-fabric-virtual"));
        PeerMover mover = PeerMachines.Mover(machine, "driver-owned");
        PeerAllocation allocation = PeerMachines.Allocate(machine, Size);
        PeerWork work = default;
        mover.ToDevice(allocation, 0, 0, ref work);
        machine.Device(1).FabricFaults.Add(new FaultRule(FaultPoint.IovaAllocation) { At = 1 });
        Assert.Equal(-Errno.ENOMEM, mover.ToDevice(allocation, 1, 0, ref work));
        Assert.Equal(0UL, work.Target.MapCalls);
        Assert.Equal(0, allocation.Buffer!.Device.Index);
        PeerMachines.AssertClean(machine);
    }

    [Theory]
    [InlineData(new[] { 0 })]
    [InlineData(new[] { 7 })]
    [InlineData(new[] { 0, 2, 4, 6 })]
    [InlineData(new[] { 0, 1, 2, 3, 4, 5, 6 })]
    [InlineData(new[] { 0, 1, 2, 3, 4, 5, 6, 7 })]
    public void Holes_take_no_link_and_no_address(int[] holes)
    {
        foreach (string name in new[] { "driver-owned", "broker", "per-page" })
        {
            using PeerMachine machine = new(BuiltInPeerTopologies.Load("pair-p2p"));
            PeerMappingPolicy policy = PeerMachines.Policy(machine, name);
            PeerPage[] pages = PeerMachines.Pages(8, 0x10000);
            foreach (int hole in holes)
            {
                pages[hole] = pages[hole] with { IsHole = true };
            }

            BusAddress[] addresses = new BusAddress[8];
            PeerMapping mapping = default;
            PeerWork work = default;
            Assert.Equal(0, policy.Map(machine.Device(1), machine.Device(0), pages, DmaDirection.FromDevice, addresses, ref mapping, ref work));
            for (int i = 0; i < pages.Length; i++)
            {
                Assert.Equal(!pages[i].IsHole, addresses[i].IsValid);
                if (addresses[i].IsValid)
                {
                    Assert.Equal(0, machine.Device(0).Dma.Translate(addresses[i].Value, write: true, out ulong physical));
                    Assert.Equal(machine.Device(1).BarBase + pages[i].Offset, physical);
                }
            }

            Assert.Equal((ulong)(8 - holes.Length), work.Initiator.PteSet);
            Assert.Equal(holes.Length < 8, work.Initiator.IovaAllocs > 0);
            policy.Unmap(machine.Device(1), machine.Device(0), addresses, DmaDirection.FromDevice, ref mapping, ref work);
            policy.Unmap(machine.Device(1), machine.Device(0), addresses, DmaDirection.FromDevice, ref mapping, ref work);
            Assert.Equal(work.Initiator.PteSet, work.Initiator.PteClear);
            Assert.Equal(work.CookieAlloc, work.CookieFree);
            PeerMachines.AssertClean(machine);
        }
    }

    [Fact]
    public void The_reservation_is_not_held_while_pages_move_and_the_new_buffer_is_pinned()
    {
        using PeerMachine machine = new(BuiltInPeerTopologies.Load("pair-p2p"));
        WatchingPolicy policy = new(machine, PeerMachines.Policy(machine, "driver-owned"));
        PeerMover mover = new(machine, policy, MappingStrategy.Parse("iova"));
        PeerAllocation allocation = PeerMachines.Allocate(machine, Size);
        PeerWork work = default;
        mover.ToDevice(allocation, 0, 0, ref work);
        Assert.Equal(0, mover.ToDevice(allocation, 1, 0, ref work));
        Assert.Equal((1, 1), (policy.Maps, policy.Pinned));
        Assert.Equal(0, policy.UnderReservation);
        Assert.Equal(0, allocation.Buffer!.Pins);
        Assert.Empty(machine.Locks.Violations);
    }

    [Fact]
    public void Eviction_is_refused_only_while_a_buffer_is_pinned()
    {
        using PeerMachine machine = new(BuiltInPeerTopologies.Load("pair-p2p").With(device => device with { VramBytes = Size }));
        PeerMover mover = PeerMachines.Mover(machine, "driver-owned");
        PeerAllocation first = PeerMachines.Allocate(machine, Size);
        PeerAllocation second = PeerMachines.Allocate(machine, Size);
        PeerMachines.Fill(machine, first, 1);
        PeerMachines.Fill(machine, second, 2);
        PeerWork work = default;
        Assert.Equal(0, mover.ToDevice(first, 1, 0, ref work));
        first.Buffer!.Pins++;
        Assert.Equal(-Errno.ENOMEM, mover.ToDevice(second, 1, 0, ref work));
        Assert.Equal(1, machine.EvictionsRefused);
        first.Buffer.Pins--;
        Assert.Equal(0, mover.ToDevice(second, 1, 0, ref work));
        Assert.Null(first.Buffer);
        Assert.Equal(1, machine.EvictionsRefused);
        PeerMachines.AssertHolds(machine, first, 1);
        PeerMachines.AssertHolds(machine, second, 2);
        PeerMachines.AssertClean(machine);
    }

    [Fact]
    public void A_buffer_that_cannot_be_made_is_an_error_that_changes_nothing()
    {
        using PeerMachine machine = new(BuiltInPeerTopologies.Load("pair-p2p").With(device => device with { VramBytes = Size }));
        PeerMover mover = PeerMachines.Mover(machine, "driver-owned");
        PeerAllocation large = PeerMachines.Allocate(machine, 2 * Size);
        PeerMachines.Fill(machine, large, 4);
        PeerWork work = default;
        Assert.Equal(-Errno.ENOMEM, mover.ToDevice(large, 0, 0, ref work));
        Assert.Null(large.Buffer);
        PeerMachines.AssertHolds(machine, large, 4);
        PeerMachines.AssertClean(machine);
    }

    [Theory]
    [InlineData(-1, 0)]
    [InlineData(2, 0)]
    [InlineData(0, 1)]
    [InlineData(0, -1)]
    public void A_device_or_tile_that_is_none_is_EINVAL(int device, int tile)
    {
        using PeerMachine machine = new(BuiltInPeerTopologies.Load("pair-p2p"));
        PeerAllocation allocation = PeerMachines.Allocate(machine, 4096);
        PeerWork work = default;
        Assert.Equal(-Errno.EINVAL, PeerMachines.Mover(machine, "per-page").ToDevice(allocation, device, tile, ref work));
        Assert.Equal(-Errno.EINVAL, machine.Allocate(0, out _));
        Assert.Equal(-Errno.EINVAL, machine.Allocate(100, out _));
    }

    [Fact]
    public void Between_two_tiles_of_a_device_data_stays_on_the_device()
    {
        using PeerMachine machine = new(BuiltInPeerTopologies.Load("pair-p2p").With(device => device with { Tiles = 2 }));
        PeerMover mover = PeerMachines.Mover(machine, "driver-owned");
        PeerAllocation allocation = PeerMachines.Allocate(machine, Size);
        PeerMachines.Fill(machine, allocation, 9);
        PeerWork work = default;
        mover.ToDevice(allocation, 0, 0, ref work);
        work = default;
        Assert.Equal(0, mover.ToDevice(allocation, 0, 1, ref work));
        Assert.Equal(Size, work.Bytes[(int)PeerRoute.Local]);
        Assert.Equal(0UL, work.Initiator.MapAndLinkCalls);
        PeerMachines.AssertHolds(machine, allocation, 9);
        PeerMachines.AssertClean(machine);
    }

    [Theory]
    [InlineData("per-page")]
    [InlineData("driver-owned")]
    [InlineData("broker")]
    public void Moving_allocates_nothing(string name)
    {
        using PeerMachine machine = new(BuiltInPeerTopologies.Load("pair-p2p"));
        PeerMappingPolicy policy = PeerMachines.Policy(machine, name);
        PeerPage[] pages = PeerMachines.Pages(512);
        BusAddress[] addresses = new BusAddress[512];
        PeerWork work = default;
        Allocations.AssertNone(Round, repetitions: 10);

        void Round()
        {
            PeerMapping mapping = default;
            policy.Map(machine.Device(1), machine.Device(0), pages, DmaDirection.FromDevice, addresses, ref mapping, ref work);
            policy.Unmap(machine.Device(1), machine.Device(0), addresses, DmaDirection.FromDevice, ref mapping, ref work);
        }
    }

    [Fact]
    public void A_mapping_of_memory_that_was_released_is_found_by_the_audit()
    {
        using PeerMachine machine = new(BuiltInPeerTopologies.Load("pair-p2p"));
        PeerMover mover = PeerMachines.Mover(machine, "driver-owned");
        PeerAllocation allocation = PeerMachines.Allocate(machine, Size);
        PeerWork work = default;
        mover.ToDevice(allocation, 1, 0, ref work);
        DevicePagemapIova iova = new(machine.Topology, machine.Locks);
        PeerPage page = new(allocation.Buffer!.Offset, 0, IsHole: false);
        iova.Alloc(machine.Device(1), machine.Device(0), 4096, DmaDirection.FromDevice, ref work, out PeerCookie cookie);
        iova.Link(machine.Device(1), in page, 0, ref cookie, DmaDirection.FromDevice, ref work, out _);
        iova.Sync(ref cookie, 4096, ref work);
        PeerMachines.AssertClean(machine);
        mover.ToSystem(allocation, ref work);
        Assert.Contains(PeerAudit.Run(machine), finding => finding.Contains("leads to released VRAM", StringComparison.Ordinal));
    }

    private static PeerWork MigrateOnce(string topology, string policy, IommuMode mode = IommuMode.Strict)
    {
        using PeerMachine machine = new(BuiltInPeerTopologies.Load(topology).WithMode(mode));
        PeerMover mover = PeerMachines.Mover(machine, policy);
        PeerAllocation allocation = PeerMachines.Allocate(machine, Size);
        PeerMachines.Fill(machine, allocation, 5);
        PeerWork work = default;
        Assert.Equal(0, mover.ToDevice(allocation, 0, 0, ref work));
        work = default;
        Assert.Equal(0, mover.ToDevice(allocation, 1, 0, ref work));
        PeerMachines.AssertHolds(machine, allocation, 5);
        PeerMachines.AssertClean(machine);
        return work;
    }

    private static void AssertWork(DmaWork work, ulong allocs, ulong links, ulong maps, ulong walks, ulong syncs, ulong invalidations) =>
        Assert.Equal(
            (allocs, allocs, links, maps, walks, syncs, invalidations),
            (work.IovaAllocs, work.IovaFree, work.LinkCalls, work.MapCalls, work.Walks, work.SyncCalls, work.InvalStrict));

    /// <summary>Looks at locks and pins whenever pages are mapped.</summary>
    private sealed class WatchingPolicy(PeerMachine machine, PeerMappingPolicy inner) : PeerMappingPolicy
    {
        public int Maps { get; private set; }

        public int Pinned { get; private set; }

        public int UnderReservation { get; private set; }

        public override string Name => inner.Name;

        public override int Map(
            PeerPort target,
            PeerPort initiator,
            ReadOnlySpan<PeerPage> pages,
            DmaDirection direction,
            Span<BusAddress> addresses,
            ref PeerMapping mapping,
            ref PeerWork work)
        {
            Maps++;
            Pinned += ((PeerDevice)target).Buffers().Sum(buffer => buffer.Pins);
            UnderReservation += machine.Locks.Holds(LockClass.Reservation) || machine.Locks.Holds(LockClass.Validation) ? 1 : 0;
            return inner.Map(target, initiator, pages, direction, addresses, ref mapping, ref work);
        }

        public override void Unmap(
            PeerPort target, PeerPort initiator, Span<BusAddress> addresses, DmaDirection direction, ref PeerMapping mapping, ref PeerWork work) =>
            inner.Unmap(target, initiator, addresses, direction, ref mapping, ref work);
    }
}
