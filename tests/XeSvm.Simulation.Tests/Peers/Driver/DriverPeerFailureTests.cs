using XeSvm.Interop.LibC;
using XeSvm.Simulation.Cost;
using XeSvm.Simulation.Dma;
using XeSvm.Simulation.Memory;
using XeSvm.Simulation.Peers;
using XeSvm.Simulation.Peers.Locks;
using XeSvm.Simulation.Peers.Software;
using XeSvm.Simulation.Svm;
using XeSvm.Simulation.Tests.Driver;
using XeSvm.Simulation.Tests.Svm.Torture;

namespace XeSvm.Simulation.Tests.Peers.Driver;

/// <summary>What is refused, what fails on the way, and what the locks forbid: the right errno, the data where it was, nothing left on either side.</summary>
[Collection(TortureCollection.Name)]
public sealed unsafe class DriverPeerFailureTests
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(2);

    /// <summary>The longest that a copy can be held up for; the tests end it, however busy the machine is.</summary>
    private static readonly TimeSpan s_untilCleared = TimeSpan.FromSeconds(10);

    [Fact]
    [Trait("Rule", "svm 9.owner")]
    public void Advice_for_memory_that_cannot_be_reached_is_refused_and_changes_nothing()
    {
        using var machine = new PeerDriver("dual-bmg");
        using var isolated = new PeerDriver("pair-isolated");
        ulong memory = machine.Allocate();
        string areas = machine[0].Areas(machine[0].Vm);
        int peer = machine[1].File.Descriptor;
        Assert.Equal(0, SystemCalls.CreateEventFd(out FileDescriptorHandle? other));
        int number = (int)other!.DangerousGetHandle();

        // A descriptor of another driver, and one that is open no more.
        Assert.Equal(-Errno.ENOENT, Advise(number, 1));
        other.Dispose();
        Assert.Equal(-Errno.ENOENT, Advise(number, 1));
        Assert.Equal(-Errno.ENOENT, Advise(int.MaxValue, 1));
        foreach (ushort region in (ReadOnlySpan<ushort>)[0, 2, ushort.MaxValue])
        {
            Assert.Equal(-Errno.ENOENT, Advise(peer, region));
        }

        // A device of another machine, and one of this that nothing leads to.
        Assert.Equal(-Errno.ENOLINK, Advise(isolated[0].File.Descriptor, 1));
        ulong there = isolated.Allocate();
        Assert.Equal(-Errno.ENOLINK, isolated.Advise(0, there, 1));
        Assert.Equal(0, isolated.Advise(0, there, 0));
        Assert.Equal(areas, machine[0].Areas(machine[0].Vm));
        Assert.Equal(0, machine[0].Store(memory + 8, 1));
        Assert.Equal(0, machine.Home(memory));

        int Advise(int descriptor, ushort region) => machine[0].AdviseLocation(machine[0].Vm, memory, PeerDriver.Block, descriptor, region: region);
    }

    [Fact]
    [Trait("Rule", "svm 9.advised")]
    public void The_advised_device_lives_on_when_its_file_and_the_backend_are_closed()
    {
        var backend = new SoftwareBackend(new SoftwareBackendOptions { Device = "dual-bmg", VramBytes = 64 << 20 });
        var near = new GpuClient(backend, 0);
        var far = new DrmClient(backend, 1);
        SoftwareMachine machine = backend.Machine;
        ulong memory = DrmClient.Map(PeerDriver.Block, PeerDriver.Block);
        DrmClient.Touch(memory, PeerDriver.Block);
        Assert.Equal(0, near.AdviseLocation(near.Vm, memory, PeerDriver.Block, far.File.Descriptor, region: 1));
        far.Dispose();
        backend.Dispose();
        Assert.Equal(0, near.Store(memory + 8, 5));
        Assert.Equal(1UL, machine.Counters.GetPages.CookieAlloc);
        near.Dispose();
        Assert.Equal(1UL, machine.Counters.GetPages.CookieFree);
        Assert.Null(machine.Device(1));
        Assert.Equal(5u, *(uint*)(memory + 8));
        PeerDriver.AssertContent(memory);
        DrmClient.Unmap(memory, PeerDriver.Block);
    }

    [Theory]
    [InlineData(FaultPoint.Vram)]
    [InlineData(FaultPoint.Isolate)]
    [InlineData(FaultPoint.Copy)]
    [InlineData(FaultPoint.Link)]
    [InlineData(FaultPoint.Sync)]
    public void A_migration_that_fails_leaves_no_pin_no_cookie_and_the_data_where_it_was(FaultPoint point)
    {
        using var machine = new PeerDriver("pair-p2p");
        ulong memory = machine.Allocate();
        Assert.Equal(0, machine[0].Store(memory + 8, 1));
        ulong used = machine[1].Device.Vram.Used;
        machine.Backend.Faults.Add(new FaultRule(point) { Probability = 1 });
        Assert.Equal(0, machine[1].Prefetch(memory, PeerDriver.Block, 1));
        machine.Backend.Faults.Clear(point);
        machine.AssertClean();
        Assert.Equal(used, machine[1].Device.Vram.Used);
        Assert.NotEqual(1, machine.Home(memory));
        PeerWork work = machine.Counters.Migrate;
        Assert.Equal(work.CookieAlloc, work.CookieFree);
        Assert.Equal(work.Initiator.PteSet, work.Initiator.PteClear);
        Assert.Equal(1u, *(uint*)(memory + 8));
        PeerDriver.AssertContent(memory);
        Assert.Equal(0, machine[1].Store(memory + 8, 2));
        Assert.Equal(1, machine.Home(memory));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(511)]
    public void A_link_that_fails_on_the_way_is_undone_and_its_cookie_freed(int page)
    {
        using var machine = new PeerDriver("quad-fabric-virtual");
        ulong memory = machine.Allocate();
        Assert.Equal(0, machine[0].Store(memory + 8, 1));
        machine[1].Device.Port.FabricFaults.Add(new FaultRule(FaultPoint.Link) { Page = page, At = 1 });
        Assert.Equal(0, machine[1].Prefetch(memory, PeerDriver.Block, 1));
        PeerWork work = machine.Counters.Migrate;
        Assert.Equal((1UL, 1UL, (ulong)page, (ulong)page), (work.CookieAlloc, work.CookieFree, work.Target.PteSet, work.Target.PteClear));
        Assert.Equal(0, machine.Home(memory));
        machine.AssertClean();
    }

    [Fact]
    public void When_a_fabric_has_no_addresses_left_that_is_an_error_and_no_reason_to_go_page_by_page()
    {
        using var machine = new PeerDriver("quad-fabric-virtual");
        ulong memory = machine.Allocate();
        Assert.Equal(0, machine[0].Store(memory + 8, 1));
        machine[1].Device.Port.FabricFaults.Add(new FaultRule(FaultPoint.IovaAllocation) { Probability = 1 });
        Assert.Equal(0, machine[1].Prefetch(memory, PeerDriver.Block, 1));
        PeerWork work = machine.Counters.Migrate;
        Assert.Equal((0UL, 0UL, 0UL), (work.CookieAlloc, work.Target.MapCalls, work.Bytes[(int)PeerRoute.FabricVirtual]));
        Assert.Equal(0, machine.Home(memory));

        // Access in place fails as well: the prefetch says so, a fault goes on to be served once there are addresses.
        Assert.Equal(0, machine.Advise(2, memory, 1));
        Assert.Equal(0, machine[0].Prefetch(memory, PeerDriver.Block, 0));
        Assert.Equal(-Errno.ENOMEM, machine.PrefetchAdvised(2, memory));
        Assert.Equal(0UL, machine.Counters.GetPages.CookieAlloc);
        machine.AssertClean();
        machine[1].Device.Port.FabricFaults.Clear(FaultPoint.IovaAllocation);
        Assert.Equal(0, machine[2].Store(memory + 8, 3));
        Assert.Equal(1, machine.Home(memory));
        Assert.Equal(3u, *(uint*)(memory + 8));
        PeerDriver.AssertContent(memory);
    }

    [Fact]
    public void Over_PCIe_an_exhausted_address_space_falls_back_to_page_by_page()
    {
        using var machine = new PeerDriver("pair-p2p");
        ulong memory = machine.Allocate();
        Assert.Equal(0, machine[0].Store(memory + 8, 1));
        machine.Backend.Faults.Add(new FaultRule(FaultPoint.IovaAllocation) { Probability = 1 });
        Assert.Equal(0, machine[1].Prefetch(memory, PeerDriver.Block, 1));
        machine.Backend.Faults.Clear(FaultPoint.IovaAllocation);
        Assert.Equal((0UL, 512UL), (machine.Counters.Migrate.CookieAlloc, machine.Counters.Migrate.Initiator.MapCalls));
        Assert.Equal(1, machine.Home(memory));
        PeerDriver.AssertContent(memory);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void A_device_that_is_lost_while_data_goes_to_it_or_from_it_costs_no_byte(int lost)
    {
        using var machine = new PeerDriver("pair-p2p");
        ulong memory = machine.Allocate();
        Assert.Equal(0, machine[0].Store(memory + 8, 1));
        machine.Backend.Faults.Add(new FaultRule(FaultPoint.SlowCopy) { At = 1, Delay = s_untilCleared });
        int result = 0;
        var prefetch = new Thread(() => result = machine[1].Prefetch(memory, PeerDriver.Block, 1));
        prefetch.Start();
        Assert.True(SpinWait.SpinUntil(IsMoving, s_patience));
        var loss = new Thread(machine[lost].Device.Loss.Declare);
        loss.Start();
        Assert.True(SpinWait.SpinUntil(() => machine[lost].Device.Loss.IsLost, s_patience));
        machine.Backend.Faults.Clear(FaultPoint.SlowCopy);
        prefetch.Join();
        loss.Join();
        Assert.True(result is 0 or -Errno.ECANCELED, $"errno {-result}");

        // A lost target gets nothing; what a lost source has goes home.
        Assert.Equal(lost == 1 ? 0 : -1, machine.Home(memory));
        Assert.Equal(1u, *(uint*)(memory + 8));
        PeerDriver.AssertContent(memory);
        machine.AssertClean();
        PeerWork work = machine.Counters.Migrate;
        Assert.Equal((1UL, 1UL), (work.CookieAlloc, work.CookieFree));

        bool IsMoving() => machine[0].Software.Client.Residency.Examine(memory, memory + PeerDriver.Block, out _) == Residency.Moving;
    }

    [Fact]
    public void A_record_that_has_come_to_serve_other_pages_is_not_moved()
    {
        using var machine = new PeerDriver("pair-p2p");
        ulong memory = machine.Allocate();
        Assert.Equal(0, machine[0].Store(memory + 8, 1));
        DeviceResidency residency = machine[0].Software.Client.Residency;
        MovingAllocation moving = MovingAllocation.Of(machine.AllocationOf(memory));
        Assert.False(residency.TryBeginMove(moving with { Cookie = moving.Cookie + (1UL << 32) }, memory, PeerDriver.Pages));
        Assert.False(residency.TryBeginMove(moving with { VramOffset = moving.VramOffset + PeerDriver.Block }, memory, PeerDriver.Pages));
        Assert.Equal(0, machine.Home(memory));
        Assert.True(residency.TryBeginMove(moving, memory, PeerDriver.Pages));
        residency.EndMove(moving.Allocation, moving.Cookie, to: null);
        Assert.Equal(0, machine.Home(memory));
    }

    [Fact]
    public void The_auditor_finds_a_mapping_of_peer_memory_that_nobody_has_any_more()
    {
        using var machine = new PeerDriver("pair-p2p");
        DmaWork work = default;
        ulong stale = machine[0].Device.Port.BarBase + (8 << 20);
        Assert.Equal(0, machine[1].Device.Dma.MapResource(stale, 4096, DmaDirection.Bidirectional, ref work, out ulong address));
        string finding = Assert.Single(MachineAudit.Run(machine.Machine));
        Assert.Contains("leads to released VRAM 0x800000 of gpu0", finding, StringComparison.Ordinal);
        Assert.Contains(finding, machine[1].File.ReadDebugFile("peers").Text, StringComparison.Ordinal);
        Assert.Equal(0, machine[1].Device.Dma.UnmapResource(address, 4096, DmaDirection.Bidirectional, ref work));
    }

    [Fact]
    public void Patch_6_reserving_addresses_under_the_notifier_lock_is_reported_and_refused_and_linking_there_is_fine()
    {
        using var machine = new PeerDriver("pair-p2p", expectedViolations: 1);
        ulong memory = machine.Allocate();
        Assert.Equal(0, machine.Advise(1, memory, 0));
        Assert.Equal(0, machine[0].Store(memory + 8, 1));
        LockChecker locks = machine.Machine.Locks;
        using (locks.Hold(LockClass.Notifier, this, "the test's notifier lock"))
        {
            Assert.Equal(-Errno.EDEADLK, PrefetchDirectly(machine, memory));
        }

        LockViolation violation = Assert.Single(locks.Violations);
        Assert.Equal(("device_iova_alloc", LockClass.Notifier), (violation.Wanted, violation.Held));

        // The driver itself links and unlinks under its notifier lock, and nothing is reported.
        Assert.Equal(0, machine[1].Store(memory + 8, 2));
        Assert.Equal(1UL, machine.Counters.GetPages.CookieAlloc);
        Assert.Equal(2u, *(uint*)(memory + 8));
        Assert.Single(locks.Violations);
    }

    [Fact]
    public void Patch_9_a_migration_with_a_reservation_held_is_reported_and_refused()
    {
        using var machine = new PeerDriver("pair-p2p", expectedViolations: 1);
        ulong memory = machine.Allocate();
        Assert.Equal(0, machine[0].Store(memory + 8, 1));
        LockChecker locks = machine.Machine.Locks;
        using (locks.Hold(LockClass.Reservation, this, "another buffer object's reservation"))
        {
            Assert.Equal(-Errno.EDEADLK, machine[1].Device.Pagemap.Migrate(machine[1].Software.Client, memory, PeerDriver.Pages));
        }

        Assert.Equal(LockClass.Reservation, Assert.Single(locks.Violations).Held);
        Assert.Equal(0, machine.Home(memory));
    }

    [Fact]
    public void Patch_9_eviction_is_refused_only_while_the_new_buffer_object_is_pinned()
    {
        using var machine = new PeerDriver("pair-p2p", vram: PeerDriver.Block);
        ulong first = machine.Allocate();
        ulong second = machine.Allocate();
        Assert.Equal(0, machine[0].Store(first + 8, 1));
        machine.Backend.Faults.Add(new FaultRule(FaultPoint.SlowCopy) { At = 1, Delay = s_untilCleared });
        var mover = new Thread(() => machine[1].Prefetch(first, PeerDriver.Block, 1));
        mover.Start();
        Assert.True(SpinWait.SpinUntil(() => machine[1].Device.Pagemap.PinnedCount == 1, s_patience));

        // The only VRAM there is belongs to a buffer object that pages are moving into.
        Assert.Equal(-Errno.ENOMEM, machine[1].Device.Pagemap.Migrate(machine[1].Software.Client, second, PeerDriver.Pages));
        Assert.True(machine.Counters.EvictionsRefused > 0);
        machine.Backend.Faults.Clear(FaultPoint.SlowCopy);
        mover.Join();
        Assert.Equal((0, 1), (machine[1].Device.Pagemap.PinnedCount, machine.Home(first)));
        long refused = machine.Counters.EvictionsRefused;
        Assert.Equal(0, machine[1].Store(second + 8, 2));
        Assert.Equal((-1, 1), (machine.Home(first), machine.Home(second)));
        Assert.Equal(refused, machine.Counters.EvictionsRefused);
        Assert.Empty(machine.Machine.Locks.Violations);
        PeerDriver.AssertContent(first);
        PeerDriver.AssertContent(second);
    }

    /// <summary>get_pages of memory on a peer, on this thread.</summary>
    private static int PrefetchDirectly(PeerDriver machine, ulong memory)
    {
        Simulation.Driver.Vm vm = machine[1].Inspect(machine[1].Vm);
        lock (vm.Lock)
        {
            Assert.Equal(0, vm.Svm!.FindOrInsert(memory, vm.Vmas.Find(memory)!, 0, devmemPossible: true, out SvmRange range));
            return vm.Svm.GetPages(range, allowDeviceMemory: true, devmemOnly: false, readOnly: false);
        }
    }
}
