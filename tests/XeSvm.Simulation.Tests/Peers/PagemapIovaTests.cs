using XeSvm.Simulation.Dma;
using XeSvm.Simulation.Iommu;
using XeSvm.Simulation.Peers;
using XeSvm.Simulation.Peers.Locks;
using XeSvm.Simulation.Peers.Machine;
using XeSvm.Simulation.Peers.Mapping;
using Xunit;

namespace XeSvm.Simulation.Tests.Peers;

/// <summary>The contract of the pagemap's IOVA interface (patch 6), the stub (patch 7) and the driver's implementation (patch 10).</summary>
public class PagemapIovaTests
{
    [Theory]
    [InlineData("pair-p2p", IommuMode.Strict, BusSpaceKind.Dma, 0)]
    [InlineData("pair-p2p", IommuMode.Lazy, BusSpaceKind.Dma, 0)]
    [InlineData("quad-fabric-virtual", IommuMode.Strict, BusSpaceKind.FabricVirtual, 1)]
    [InlineData("quad-fabric-virtual", IommuMode.Passthrough, BusSpaceKind.FabricVirtual, 1)]
    internal void A_translated_route_gives_a_cookie_in_its_space(string name, IommuMode mode, BusSpaceKind kind, int device)
    {
        using PeerMachine machine = new(BuiltInPeerTopologies.Load(name).WithMode(mode));
        DevicePagemapIova iova = new(machine.Topology, machine.Locks);
        PeerWork work = default;
        Assert.Equal(0, iova.Alloc(machine.Device(1), machine.Device(0), 8192, DmaDirection.FromDevice, ref work, out PeerCookie cookie));
        Assert.True(cookie.IsLive);
        Assert.Equal(new BusSpace(kind, device), cookie.Space);
        Assert.Equal(0, iova.Free(ref cookie, ref work));
        Assert.False(cookie.IsLive);
        Assert.Equal((1UL, 1UL), (work.CookieAlloc, work.CookieFree));
        PeerMachines.AssertClean(machine);
    }

    [Theory]
    [InlineData("pair-p2p", IommuMode.Passthrough, 0, 1)]
    [InlineData("pair-p2p", IommuMode.Strict, 1, 1)]
    [InlineData("quad-fabric-physical", IommuMode.Strict, 0, 1)]
    [InlineData("pair-isolated", IommuMode.Strict, 0, 1)]
    internal void No_cookie_is_needed_without_translation_on_the_device_itself_and_over_network_addresses(
        string name, IommuMode mode, int initiator, int target)
    {
        using PeerMachine machine = new(BuiltInPeerTopologies.Load(name).WithMode(mode));
        DevicePagemapIova iova = new(machine.Topology, machine.Locks);
        PeerWork work = default;
        Assert.Equal(0, iova.Alloc(machine.Device(target), machine.Device(initiator), 4096, DmaDirection.FromDevice, ref work, out PeerCookie cookie));
        Assert.False(cookie.IsLive);
        Assert.Equal(default, work.CookieAlloc);
    }

    [Fact]
    public void Exhausted_addresses_are_a_fallback_over_pcie_and_an_error_on_a_translated_fabric()
    {
        using PeerMachine pcie = new(BuiltInPeerTopologies.Load("pair-p2p"));
        using PeerMachine fabric = new(BuiltInPeerTopologies.Load("quad-fabric-virtual"));
        PeerWork work = default;
        FaultRule never = new(FaultPoint.IovaAllocation) { Probability = 1 };
        pcie.Device(0).Faults.Add(never);
        Assert.Equal(0, new DevicePagemapIova(pcie.Topology, pcie.Locks)
            .Alloc(pcie.Device(1), pcie.Device(0), 4096, DmaDirection.FromDevice, ref work, out PeerCookie none));
        Assert.False(none.IsLive);

        fabric.Device(1).FabricFaults.Add(never);
        Assert.Equal(-Errno.ENOMEM, new DevicePagemapIova(fabric.Topology, fabric.Locks)
            .Alloc(fabric.Device(1), fabric.Device(0), 4096, DmaDirection.FromDevice, ref work, out _));
        Assert.Equal(0UL, work.CookieAlloc);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(100)]
    [InlineData(4097)]
    public void A_length_that_is_no_run_of_pages_is_EINVAL(ulong length)
    {
        using PeerMachine machine = new(BuiltInPeerTopologies.Load("pair-p2p"));
        PeerWork work = default;
        Assert.Equal(-Errno.EINVAL, new DevicePagemapIova(machine.Topology, machine.Locks)
            .Alloc(machine.Device(1), machine.Device(0), length, DmaDirection.FromDevice, ref work, out PeerCookie cookie));
        Assert.False(cookie.IsLive);
    }

    [Fact]
    public void The_prover_fires_at_alloc_and_free_under_the_notifier_lock_and_not_at_link_sync_unlink()
    {
        using PeerMachine machine = new(BuiltInPeerTopologies.Load("pair-p2p"));
        DevicePagemapIova iova = new(machine.Topology, machine.Locks);
        CheckedLock notifier = new(machine.Locks, LockClass.Notifier, "notifier");
        PeerPage page = new(0, 0, IsHole: false);
        PeerWork work = default;
        Assert.Equal(0, iova.Alloc(machine.Device(1), machine.Device(0), 4096, DmaDirection.FromDevice, ref work, out PeerCookie cookie));
        using (notifier.Take())
        {
            Assert.Equal(-Errno.EDEADLK, iova.Alloc(machine.Device(1), machine.Device(0), 4096, DmaDirection.FromDevice, ref work, out _));
            Assert.Equal(0, iova.Link(machine.Device(1), in page, 0, ref cookie, DmaDirection.FromDevice, ref work, out _));
            Assert.Equal(0, iova.Sync(ref cookie, 4096, ref work));
            Assert.Equal(0, iova.Unlink(ref cookie, 4096, DmaDirection.FromDevice, ref work));
            Assert.Equal(-Errno.EDEADLK, iova.Free(ref cookie, ref work));
        }

        Assert.True(cookie.IsLive, "a refused free changes nothing");
        Assert.Equal(0, iova.Free(ref cookie, ref work));
        Assert.Equal(2, machine.Locks.Violations.Count);
    }

    [Fact]
    public void The_prover_fires_under_a_foreign_reservation_although_no_lock_is_needed_today()
    {
        using PeerMachine machine = new(BuiltInPeerTopologies.Load("quad-fabric-physical"));
        DevicePagemapIova iova = new(machine.Topology, machine.Locks);
        PeerWork work = default;
        using (new CheckedLock(machine.Locks, LockClass.Reservation, "foreign").Take())
        {
            Assert.Equal(-Errno.EDEADLK, iova.Alloc(machine.Device(1), machine.Device(0), 4096, DmaDirection.FromDevice, ref work, out _));
        }

        Assert.Single(machine.Locks.Violations);
    }

    [Fact]
    public void Over_pcie_an_entry_holds_the_targets_BAR_address_and_counts_as_MMIO()
    {
        using PeerMachine machine = new(BuiltInPeerTopologies.Load("pair-p2p"));
        DevicePagemapIova iova = new(machine.Topology, machine.Locks);
        PeerPage page = new(0x5000, 0, IsHole: false);
        PeerWork work = default;
        iova.Alloc(machine.Device(1), machine.Device(0), 4096, DmaDirection.FromDevice, ref work, out PeerCookie cookie);
        Assert.Equal(0, iova.Link(machine.Device(1), in page, 0, ref cookie, DmaDirection.FromDevice, ref work, out BusAddress address));
        Assert.Equal(0, iova.Sync(ref cookie, 4096, ref work));
        Assert.Equal(0, machine.Device(0).Dma.Translate(address.Value, write: true, out ulong physical));
        Assert.Equal(machine.Device(1).BarBase + 0x5000, physical);
        Assert.Equal(PeerRoute.PciePeer, address.Route);
        Assert.Equal(0, address.Order);
        Assert.Equal(1UL, work.Mmio);
        iova.Unlink(ref cookie, 4096, DmaDirection.FromDevice, ref work);
        iova.Free(ref cookie, ref work);
    }

    [Fact]
    public void The_order_of_an_address_is_a_page_order_and_a_2M_folio_is_one_leaf()
    {
        using PeerMachine machine = new(BuiltInPeerTopologies.Load("pair-p2p"));
        PeerMappingPolicy policy = PeerMachines.Policy(machine, "driver-owned");
        PeerPage[] pages = [new(0x200000, 9, IsHole: false)];
        BusAddress[] addresses = new BusAddress[1];
        PeerMapping mapping = default;
        PeerWork work = default;
        Assert.Equal(0, policy.Map(machine.Device(1), machine.Device(0), pages, DmaDirection.FromDevice, addresses, ref mapping, ref work));
        Assert.Equal(9, addresses[0].Order);
        Assert.Equal((1UL, 1UL, 1UL), (work.Initiator.LinkCalls, work.Initiator.PteSet, work.Initiator.Leaf2m));
        Assert.Equal(0, machine.Device(0).Dma.Translate(addresses[0].Value + 0x1ff000, write: true, out ulong last));
        Assert.Equal(machine.Device(1).BarBase + 0x200000 + 0x1ff000, last);
        policy.Unmap(machine.Device(1), machine.Device(0), addresses, DmaDirection.FromDevice, ref mapping, ref work);
        Assert.Equal(work.Initiator.PteSet, work.Initiator.PteClear);
    }

    [Theory]
    [InlineData("pair-p2p")]
    [InlineData("quad-fabric-physical")]
    [InlineData("quad-fabric-virtual")]
    public void With_the_stub_all_counters_equal_those_of_the_per_page_path(string name)
    {
        Assert.Equal(Count("per-page"), Count("stub"));

        (string Initiator, string Target, ulong Direct, ulong Mmio) Count(string policyName)
        {
            using PeerMachine machine = new(BuiltInPeerTopologies.Load(name).With(device =>
                device with { Iommu = device.Iommu with { Timers = false } }));
            PeerMappingPolicy policy = PeerMachines.Policy(machine, policyName);
            BusAddress[] addresses = new BusAddress[512];
            PeerMapping mapping = default;
            PeerWork work = default;
            Assert.Equal(0, policy.Map(
                machine.Device(1), machine.Device(0), PeerMachines.Pages(512), DmaDirection.FromDevice, addresses, ref mapping, ref work));
            policy.Unmap(machine.Device(1), machine.Device(0), addresses, DmaDirection.FromDevice, ref mapping, ref work);
            Assert.Equal(0UL, work.CookieAlloc);
            return (string.Join(' ', work.Initiator.Values.ToArray()), string.Join(' ', work.Target.Values.ToArray()), work.Direct, work.Mmio);
        }
    }

    [Fact]
    public void A_cookie_is_of_no_use_after_it_was_freed()
    {
        using PeerMachine machine = new(BuiltInPeerTopologies.Load("pair-p2p"));
        DevicePagemapIova iova = new(machine.Topology, machine.Locks);
        PeerPage page = new(0, 0, IsHole: false);
        PeerWork work = default;
        iova.Alloc(machine.Device(1), machine.Device(0), 4096, DmaDirection.FromDevice, ref work, out PeerCookie cookie);
        PeerCookie copy = cookie;
        Assert.Equal(0, iova.Free(ref cookie, ref work));
        Assert.Equal(-Errno.EINVAL, iova.Free(ref cookie, ref work));
        Assert.Equal(-Errno.EINVAL, iova.Link(machine.Device(1), in page, 0, ref copy, DmaDirection.FromDevice, ref work, out BusAddress address));
        Assert.False(address.IsValid);
        Assert.Equal(-Errno.EINVAL, iova.Sync(ref copy, 4096, ref work));
        Assert.Equal(-Errno.EINVAL, iova.Unlink(ref copy, 4096, DmaDirection.FromDevice, ref work));
        Assert.Equal(-Errno.EINVAL, iova.Free(ref copy, ref work));
        Assert.Equal(1UL, work.CookieFree);
        PeerMachines.AssertClean(machine);
    }

    [Fact]
    public void A_cookie_with_links_is_not_freed()
    {
        using PeerMachine machine = new(BuiltInPeerTopologies.Load("pair-p2p"));
        DevicePagemapIova iova = new(machine.Topology, machine.Locks);
        PeerPage page = new(0, 0, IsHole: false);
        PeerWork work = default;
        iova.Alloc(machine.Device(1), machine.Device(0), 4096, DmaDirection.FromDevice, ref work, out PeerCookie cookie);
        iova.Link(machine.Device(1), in page, 0, ref cookie, DmaDirection.FromDevice, ref work, out _);
        Assert.Equal(-Errno.EBUSY, iova.Free(ref cookie, ref work));
        Assert.Equal(0, iova.Unlink(ref cookie, 4096, DmaDirection.FromDevice, ref work));
        Assert.Equal(0, iova.Free(ref cookie, ref work));
    }
}
