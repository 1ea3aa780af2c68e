using XeSvm.Interop.LibC;
using XeSvm.Simulation.Cost;
using XeSvm.Simulation.Memory;
using XeSvm.Simulation.Peers;
using XeSvm.Simulation.Tests.Driver;
using XeSvm.Simulation.Tests.Svm.Torture;

namespace XeSvm.Simulation.Tests.Peers.Driver;

/// <summary>
/// Migration of memory that lies in several places: system segments by the destination's engine, peer segments by their owner's, over its
/// way (edge case 2: an array S,S,P,P,S is three segments).
/// </summary>
[Collection(TortureCollection.Name)]
public sealed unsafe class DriverMixedMigrationTests
{
    private const ulong Chunk = 64 << 10;
    private const ulong PagesOfChunk = 16;

    public static TheoryData<string, string, string> RoutesAndModes() => new()
    {
        { "pair-p2p", "driver-owned", "auto" },
        { "pair-p2p", "broker", "auto" },
        { "pair-p2p", "per-page", "auto" },
        { "quad-fabric-virtual", "driver-owned", "auto" },
        { "quad-fabric-physical", "driver-owned", "auto" },
        { "pair-p2p", "driver-owned", "coherent" },
    };

    [Theory]
    [MemberData(nameof(RoutesAndModes))]
    public void Peer_segments_go_over_the_route_and_system_segments_over_the_bus(string topology, string policy, string cpuFaults)
    {
        using var machine = new PeerDriver(Options(topology, policy) with { CpuFaults = cpuFaults });
        ulong memory = machine.Allocate();
        Scatter(machine, 0, memory, first: 2, chunks: 2);
        ulong used = machine[0].Device.Vram.Used;
        PeerRoute route = machine.Machine.Route(machine[0].Device, machine[1].Device);
        Assert.Equal(0, machine[1].Prefetch(memory, PeerDriver.Block, 1));
        Assert.Equal(1, machine.Home(memory));
        Assert.Equal(used - (2 * Chunk), machine[0].Device.Vram.Used);

        // S,S,P,P,S...: two system segments, mapped by the destination, and one peer segment, mapped by the source.
        DmaWork system = machine[1].Device.Counters.Read(DmaPurpose.MigrateToDevice);
        Assert.Equal((2UL, 2UL, PeerDriver.Block - (2 * Chunk)), (system.Segments, system.IovaAllocs, system.BytesCopied));
        PeerWork peer = machine.Counters.Migrate;
        Assert.Equal(2 * Chunk, peer.Bytes[(int)route]);
        Assert.Equal(1, machine.Counters.Migrations(route));
        ref readonly DmaWork space = ref route == PeerRoute.FabricVirtual ? ref peer.Target : ref peer.Initiator;
        const ulong Pages = 2 * PagesOfChunk;
        (ulong Cookies, ulong Links, ulong Maps, ulong Syncs, ulong Unlinks) expected = (policy, route) switch
        {
            ("per-page", _) => (0, 0, Pages, Pages, 0),
            ("broker", _) => (1, 1, 0, 1, 1),
            (_, PeerRoute.FabricPhysical) => (0, 0, 0, 0, 0),
            _ => (1, Pages, 0, 1, 1),
        };
        Assert.Equal(expected, (peer.CookieAlloc, space.LinkCalls, space.MapCalls, space.SyncCalls, space.UnlinkCalls));
        Assert.Equal(peer.CookieAlloc, peer.CookieFree);
        machine.AssertClean();

        // One allocation from now on: the GPU uses it, and the CPU gets all of it back.
        Assert.Equal(0, machine[1].Store(memory + (2 * Chunk) + 8, 5));
        Assert.Equal(1, machine.Home(memory));
        Assert.Equal(5u, *(uint*)(memory + (2 * Chunk) + 8));
        PeerDriver.AssertContent(memory);
    }

    [SkippableFact]
    public void What_is_left_of_another_devices_allocation_does_not_keep_an_atomic_from_getting_its_pages()
    {
        using var machine = new PeerDriver(Options("pair-p2p", "driver-owned"));
        Skip.If(machine.IsCoherent, "Without userfaultfd allocations come home as a whole.");
        ulong memory = machine.Allocate();
        machine.SeeInChunks(0, memory);
        Assert.Equal(0, machine[1].Store(memory + 8, 1));

        // The content of the first device's range is dropped, and the CPU has new content there; all else stays on the other device.
        Assert.Equal(0, SystemCalls.Advise((nint)memory, (nuint)Chunk, MemoryAdvice.DontNeed));
        *(uint*)memory = 41;
        machine[1].Device.Client.Settle();
        Assert.Equal(Residency.Mixed, machine[1].Device.Client.Residency.Examine(memory, memory + Chunk, out _));
        Assert.Equal(0, machine[0].Run(Commands.Increment(memory)));
        Assert.Equal((42u, 0u), (*(uint*)memory, *(uint*)(memory + 8)));
        for (ulong at = Chunk; at < PeerDriver.Block; at += 4096)
        {
            Assert.Equal(at >> 12, *(ulong*)(memory + at));
        }
    }

    [Fact]
    public void Without_userfaultfd_too_a_device_knows_what_the_others_have()
    {
        using var machine = new PeerDriver(Options("pair-p2p", "driver-owned") with { CpuFaults = "coherent" });
        ulong memory = machine.Allocate();
        Assert.Same(machine[0].Software.Client, machine[1].Software.Client);
        Assert.Equal(0, machine[0].Store(memory + 8, 1));
        Assert.Equal(0, machine[1].Store(memory + 0x1008, 2));
        Assert.Equal((1, 1L), (machine.Home(memory), machine.Counters.Migrations(PeerRoute.PciePeer)));
        Assert.Equal(0, machine.Advise(0, memory, 1));
        Assert.Equal(0, machine[0].Store(memory + 0x2008, 3));
        Assert.Equal((1, 1UL), (machine.Home(memory), machine.Counters.GetPages.CookieAlloc));
        Assert.Equal((1u, 2u, 3u), (*(uint*)(memory + 8), *(uint*)(memory + 0x1008), *(uint*)(memory + 0x2008)));
        PeerDriver.AssertContent(memory);
    }

    [Fact]
    [Trait("Rule", "svm 5.3.segments")]
    public void Each_peer_is_a_segment_of_its_own_and_holes_stay_zeros()
    {
        using var machine = new PeerDriver(Options("quad-fabric-virtual", "driver-owned"));
        ulong memory = DrmClient.Map(PeerDriver.Block, PeerDriver.Block);
        DrmClient.Touch(memory, 8 * Chunk);
        Scatter(machine, 0, memory, first: 1, chunks: 2);
        Scatter(machine, 2, memory, first: 3, chunks: 1);
        Scatter(machine, 0, memory, first: 4, chunks: 1);
        Assert.Equal(0, machine[1].Prefetch(memory, PeerDriver.Block, 1));
        Assert.Equal(1, machine.Home(memory));
        PeerWork work = machine.Counters.Migrate;
        Assert.Equal((3UL, 3UL, 4 * PagesOfChunk), (work.CookieAlloc, work.CookieFree, work.Target.LinkCalls));
        Assert.Equal(4 * Chunk, work.Bytes[(int)PeerRoute.FabricVirtual]);
        Assert.Equal(1, machine.Home(memory));
        for (ulong at = 0; at < PeerDriver.Block; at += 4096)
        {
            Assert.Equal(at < 8 * Chunk ? at >> 12 : 0UL, *(ulong*)(memory + at));
        }

        machine.CloseAll();
        DrmClient.Unmap(memory, PeerDriver.Block);
    }

    [Fact]
    [Trait("Rule", "svm 5.1")]
    public void What_is_in_the_destination_already_in_part_goes_home_first()
    {
        using var machine = new PeerDriver(Options("pair-p2p", "driver-owned"));
        ulong memory = machine.Allocate();
        Scatter(machine, 1, memory, first: 2, chunks: 1);
        uint vm = machine[1].CreateVm(DrmClient.FaultMode);
        Assert.Equal(0, machine[1].BindMirror(vm, 0, 1UL << 47));
        Assert.Equal(0, machine[1].Bind(vm, Ops.Prefetch(memory, PeerDriver.Block, 1)));
        Assert.Equal(1, machine.Home(memory));
        Assert.Equal(0, machine.Counters.Migrations(PeerRoute.Local));
        PeerDriver.AssertContent(memory);
    }

    [Theory]
    [InlineData(FaultPoint.Vram, 1)]
    [InlineData(FaultPoint.Isolate, 1)]
    [InlineData(FaultPoint.Copy, 1)]
    [InlineData(FaultPoint.Copy, 2)]
    [InlineData(FaultPoint.Copy, 3)]
    [InlineData(FaultPoint.Link, 1)]
    [InlineData(FaultPoint.Link, 40)]
    [InlineData(FaultPoint.Link, 100)]
    [InlineData(FaultPoint.Sync, 2)]
    public void A_segment_that_fails_leaves_every_page_with_its_content_and_nothing_else(FaultPoint point, int at)
    {
        using var machine = new PeerDriver(Options("pair-p2p", "driver-owned"));
        ulong memory = machine.Allocate();
        Scatter(machine, 0, memory, first: 2, chunks: 2);
        ulong used = machine[1].Device.Vram.Used;
        machine.Backend.Faults.Add(new FaultRule(point) { At = at });
        Assert.Equal(0, machine[1].Prefetch(memory, PeerDriver.Block, 1));
        machine.Backend.Faults.Clear(point);
        machine.AssertClean();

        // Pages that could not be taken are fetched home and tried again; whatever else fails is left as it was.
        bool isRetried = point == FaultPoint.Isolate;
        Assert.Equal(isRetried ? 1 : -1, machine.Home(memory));
        Assert.Equal(isRetried ? -1 : 0, machine.Home(memory + (2 * Chunk), Chunk) == 0 ? 0 : -1);
        Assert.Equal(isRetried ? used + PeerDriver.Block : used, machine[1].Device.Vram.Used);
        PeerWork work = machine.Counters.Migrate;
        Assert.Equal((work.CookieAlloc, work.Initiator.PteSet), (work.CookieFree, work.Initiator.PteClear));
        PeerDriver.AssertContent(memory);
        Assert.Equal(0, machine[1].Store(memory + 8, 2));
        Assert.Equal(1, machine.Home(memory));
        PeerDriver.AssertContent(memory);
    }

    [SkippableFact]
    public void The_CPU_that_touches_any_part_meanwhile_wins_and_loses_nothing()
    {
        using var machine = new PeerDriver(Options("pair-p2p", "driver-owned"));
        Skip.If(machine.IsCoherent, "Without userfaultfd no touch of the CPU is seen.");
        ulong memory = machine.Allocate();
        for (int round = 0; round < 8; round++)
        {
            Scatter(machine, 0, memory, first: 2, chunks: 2, isNew: round == 0);

            // While an engine is at it, a touch of a page that has been isolated, or of one that is moved from device to device.
            ulong touched = memory + ((round % 2 == 0 ? 0UL : 3UL) * Chunk) + 8;
            machine.Backend.Faults.Add(new FaultRule(FaultPoint.SlowCopy) { At = (round % 3) + 1, Delay = TimeSpan.FromMilliseconds(50) });
            var prefetch = new Thread(() => machine[1].Prefetch(memory, PeerDriver.Block, 1));
            prefetch.Start();
            Assert.True(SpinWait.SpinUntil(() => machine[1].Device.Pagemap.PinnedCount == 1 || !prefetch.IsAlive, TimeSpan.FromMinutes(2)));
            Interlocked.Increment(ref *(uint*)touched);
            prefetch.Join();
            machine.Backend.Faults.Clear(FaultPoint.SlowCopy);
            Assert.Equal((uint)(round / 2) + 1, *(uint*)touched);
            PeerDriver.AssertContent(memory);
            machine.AssertClean();
        }
    }

    private static SoftwareBackendOptions Options(string topology, string policy) =>
        new() { Device = topology, PeerPolicy = policy, VramBytes = 64 << 20 };

    /// <summary>Brings some chunks of 64 KiB of a block into a device's VRAM, each as an allocation of its own.</summary>
    private static void Scatter(PeerDriver machine, int device, ulong memory, ulong first, ulong chunks, bool isNew = true)
    {
        if (isNew)
        {
            machine.SeeInChunks(device, memory);
        }

        for (ulong chunk = first; chunk < first + chunks; chunk++)
        {
            Assert.Equal(0, machine[device].Prefetch(memory + (chunk * Chunk), Chunk, 1));
            Assert.Equal(device, machine.Home(memory + (chunk * Chunk), Chunk));
            Assert.Equal((int)PagesOfChunk, machine.AllocationOf(memory + (chunk * Chunk)).Pages);
        }
    }
}
