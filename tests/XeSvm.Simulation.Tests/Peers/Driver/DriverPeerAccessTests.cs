using XeSvm.Simulation.Gpu;
using XeSvm.Simulation.Pagemap;
using XeSvm.Simulation.Peers;
using XeSvm.Simulation.Tests.Driver;
using XeSvm.Simulation.Tests.Svm.Torture;

namespace XeSvm.Simulation.Tests.Peers.Driver;

/// <summary>A GPU that uses memory in another's VRAM where it is (patches 10 and 11).</summary>
[Collection(TortureCollection.Name)]
public sealed unsafe class DriverPeerAccessTests
{
    public static TheoryData<string, string> ConnectedRoutesAndPolicies()
    {
        TheoryData<string, string> data = [];
        foreach (string topology in new[] { "pair-p2p", "quad-fabric-physical", "quad-fabric-virtual" })
        {
            foreach (string policy in new[] { "per-page", "driver-owned", "broker" })
            {
                data.Add(topology, policy);
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(ConnectedRoutesAndPolicies))]
    [Trait("Rule", "svm 9.owner")]
    public void A_GPU_reads_writes_and_does_atomics_in_the_VRAM_of_another_without_a_migration(string topology, string policy)
    {
        using var machine = new PeerDriver(topology, policy);
        ulong memory = machine.Allocate();
        for (int device = 0; device < 2; device++)
        {
            Assert.Equal(0, machine.Advise(device, memory, 0));
            Assert.Equal(0, machine.AdviseAtomic(device, memory));
        }

        Assert.Equal(0, machine[0].Store(memory + 8, 40));
        Assert.Equal(0, machine[1].Run([
            .. Commands.Increment(memory + 8),
            .. Commands.Store(memory + 0x3008, 7),
            .. Commands.Copy(memory + 0x5008, memory + 0x3008, 4)]));
        Assert.Equal(0, machine[0].Run(Commands.Increment(memory + 8)));
        Assert.Equal(0, machine.Home(memory));
        PeerRoute route = machine.Machine.Route(machine[1].Device, machine[0].Device);
        Assert.Equal(0, machine.Counters.Migrations(route));
        Assert.Equal(0, machine[1].Counter("svm_cpu_copy_kb") + machine[1].Counter("svm_device_copy_kb"));
        Assert.True(machine.Counters.Accessed(route) >= 16, $"{machine.Counters.Accessed(route)} bytes");
        Assert.Equal((42u, 7u, 7u), (*(uint*)(memory + 8), *(uint*)(memory + 0x3008), *(uint*)(memory + 0x5008)));
        PeerDriver.AssertContent(memory);
    }

    [SkippableFact]
    public void Atomics_of_8_bytes_and_large_operands_work_on_a_peer_too()
    {
        using var machine = new PeerDriver("pair-p2p");
        Skip.If(machine.IsCoherent, "Without userfaultfd atomics are additions of 12 bits.");
        ulong memory = machine.Allocate();
        Assert.Equal(0, machine.Advise(1, memory, 0));
        Assert.Equal(0, machine.AdviseAtomic(1, memory));
        *(ulong*)(memory + 0x40) = uint.MaxValue;
        *(uint*)(memory + 0x1040) = 0xf0f0;
        Assert.Equal(0, machine[1].Run(
            0x178c2709, (uint)(memory + 0x40), (uint)(memory >> 32), 1, 0, 0x55, 0, 0, 0, 0, 0,
            0x17840309, (uint)(memory + 0x1040), (uint)(memory >> 32), 0xffff, 0, 0, 0, 0, 0, 0, 0));
        Assert.Equal(0, machine.Home(memory));
        Assert.Equal((0x56_0000_0000UL, 0x0f0fu), (*(ulong*)(memory + 0x40), *(uint*)(memory + 0x1040)));
    }

    [Fact]
    public void An_atomic_with_another_policy_takes_the_data_to_the_faulting_GPU()
    {
        using var machine = new PeerDriver("pair-p2p");
        ulong memory = machine.Allocate();
        Assert.Equal(0, machine.Advise(1, memory, 0));
        Assert.Equal(0, machine[1].Store(memory + 8, 41));
        Assert.Equal(0, machine.Home(memory));
        Assert.Equal(0, machine[1].Run(Commands.Increment(memory + 8)));
        Assert.Equal(1, machine.Home(memory));
        Assert.Equal(1, machine.Counters.Migrations(PeerRoute.PciePeer));
        Assert.Equal(42u, *(uint*)(memory + 8));
    }

    [Fact]
    public void Patch_10_the_address_leads_to_the_BAR_and_carries_the_MMIO_attribute()
    {
        using var machine = new PeerDriver("pair-p2p");
        ulong memory = machine.Allocate();
        Assert.Equal(0, machine.Advise(1, memory, 0));
        Assert.Equal(0, machine[1].Store(memory + 8, 1));
        Assert.True(machine[1].Inspect(machine[1].Vm).PageTable.TryWalk(memory, out GpuPte pte, out _));
        Assert.Equal((GpuPteKind.Dma, GpuBusSpace.Dma, false), (pte.Kind, pte.Space, pte.AllowsAtomics));
        DeviceMemoryAllocation allocation = machine.AllocationOf(memory);
        Assert.Equal(0, machine[1].Device.Dma.Translate(pte.Address, write: true, out ulong physical));
        Assert.Equal(machine[0].Device.Port.BarBase + allocation.VramOffset, physical);
        Assert.Equal(512UL, machine.Counters.GetPages.Mmio);

        // One reservation for all, so the GPU's page table has one leaf.
        Assert.True(machine[1].Inspect(machine[1].Vm).PageTable.TryWalk(memory, out _, out int shift));
        Assert.Equal(21, shift);
    }

    [Theory]
    [InlineData("quad-fabric-physical")]
    [InlineData("quad-fabric-virtual")]
    public void On_a_fabric_the_entry_names_the_space_that_its_address_is_in(string topology)
    {
        using var machine = new PeerDriver(topology);
        ulong memory = machine.Allocate();
        Assert.Equal(0, machine.Advise(1, memory, 3));
        Assert.Equal(0, machine[1].Store(memory + 8, 1));
        Assert.True(machine[1].Inspect(machine[1].Vm).PageTable.TryWalk(memory, out GpuPte pte, out _));
        ulong offset = machine.AllocationOf(memory).VramOffset;
        if (topology == "quad-fabric-physical")
        {
            Assert.Equal((GpuBusSpace.FabricPhysical, machine[3].Device.Port.FabricBase + offset), (pte.Space, pte.Address));
        }
        else
        {
            Assert.Equal((GpuBusSpace.FabricVirtual, (byte)3), (pte.Space, pte.BusAddress(0).Target));
            Assert.Equal(0, machine[3].Device.Port.Fabric.Translate(pte.Address, write: true, out ulong physical));
            Assert.Equal(offset, physical);
        }
    }

    [Fact]
    public void Patch_11_an_invalidation_keeps_the_cookie_and_the_next_get_pages_frees_it_so_that_one_is_live()
    {
        using var machine = new PeerDriver("pair-p2p");
        ulong memory = machine.Allocate();
        Assert.Equal(0, machine.Advise(1, memory, 0));
        for (uint round = 0; round < 4; round++)
        {
            Assert.Equal(0, machine[1].Store(memory + 8, round));
            PeerWork mapped = machine.Counters.GetPages;
            Assert.Equal((round + 1UL, (ulong)round), (mapped.CookieAlloc, mapped.CookieFree));
            Assert.Equal((round + 1) * 512UL, mapped.Initiator.PteSet);

            // Data goes home, and with it the links; what was reserved stays.
            Assert.Equal(0, machine[0].Prefetch(memory, PeerDriver.Block, 0));
            Assert.Equal(-1, machine.Home(memory));
            PeerWork unmapped = machine.Counters.GetPages;
            Assert.Equal((round + 1UL, (ulong)round), (unmapped.CookieAlloc, unmapped.CookieFree));
            Assert.Equal((round + 1) * 512UL, unmapped.Initiator.PteClear);
            machine.AssertClean();
        }

        Assert.Equal(0, machine[1].DestroyQueue(machine[1].Queue));
        Assert.Equal(0, machine[1].DestroyVm(machine[1].Vm));
        PeerWork ended = machine.Counters.GetPages;
        Assert.Equal((4UL, 4UL), (ended.CookieAlloc, ended.CookieFree));
        PeerDriver.AssertContent(memory);
    }

    [Fact]
    public void Patch_11_memory_that_is_unmapped_gives_its_cookie_back()
    {
        using var machine = new PeerDriver("pair-p2p");
        ulong memory = DrmClient.Map(PeerDriver.Block, PeerDriver.Block);
        DrmClient.Touch(memory, PeerDriver.Block);
        Assert.Equal(0, machine.Advise(1, memory, 0));
        Assert.Equal(0, machine[1].Store(memory + 8, 1));
        Assert.Equal((1UL, 0UL), (machine.Counters.GetPages.CookieAlloc, machine.Counters.GetPages.CookieFree));
        DrmClient.Unmap(memory, PeerDriver.Block);
        Assert.Equal(0, machine[1].UnbindRange(machine[1].Vm, memory, PeerDriver.Block));
        Assert.Equal((1UL, 1UL), (machine.Counters.GetPages.CookieAlloc, machine.Counters.GetPages.CookieFree));
    }

    [Fact]
    [Trait("Rule", "svm 6.present")]
    public void Data_that_moves_on_is_found_at_its_new_place_by_whoever_had_mapped_it()
    {
        using var machine = new PeerDriver("quad-fabric-virtual");
        ulong memory = machine.Allocate();
        for (int device = 0; device < 4; device++)
        {
            Assert.Equal(0, machine.Advise(device, memory, 0));
            Assert.Equal(0, machine[device].Store(memory + 8 + ((ulong)device * 4096), (uint)device));
        }

        Assert.Equal(0, machine.Home(memory));
        Assert.Equal(0, machine[2].Prefetch(memory, PeerDriver.Block, 1));
        Assert.Equal(2, machine.Home(memory));
        for (int device = 0; device < 4; device++)
        {
            Assert.Equal(0, machine[device].Run(Commands.Copy(memory + 0x100 + ((ulong)device * 4096), memory + 8 + ((ulong)(3 - device) * 4096), 4)));
        }

        for (int device = 0; device < 4; device++)
        {
            Assert.Equal((uint)(3 - device), *(uint*)(memory + 0x100 + ((ulong)device * 4096)));
        }

        PeerDriver.AssertContent(memory);
    }

    [SkippableFact]
    public void A_touch_of_the_CPU_brings_memory_home_from_either_device_while_both_have_it_mapped()
    {
        using var machine = new PeerDriver("pair-p2p");
        Skip.If(machine.IsCoherent, "Without userfaultfd a touch of the CPU is not noticed.");
        ulong memory = machine.Allocate();
        for (int target = 0; target < 2; target++)
        {
            Assert.Equal(0, machine.Advise(0, memory, target));
            Assert.Equal(0, machine.Advise(1, memory, target));
            Assert.Equal(0, machine[0].Store(memory + 8, 10));
            Assert.Equal(0, machine[1].Store(memory + 0x1008, 11));
            Assert.Equal(target, machine.Home(memory));
            Assert.Equal((10u, 11u), (*(uint*)(memory + 8), *(uint*)(memory + 0x1008)));
            Assert.Equal(-1, machine.Home(memory));
            PeerDriver.AssertContent(memory);
        }
    }

    [Fact]
    public void Two_GPUs_that_pull_a_page_to_and_fro_by_atomics_both_come_to_an_end()
    {
        const int Rounds = 60;
        using var machine = new PeerDriver("pair-p2p");
        ulong memory = machine.Allocate();
        *(uint*)(memory + 8) = 0;
        int[] results = new int[2];
        Thread[] threads = [.. Enumerable.Range(0, 2).Select(device => new Thread(() =>
        {
            for (int round = 0; round < Rounds && results[device] == 0; round++)
            {
                results[device] = machine[device].Run(Commands.Increment(memory + 8));
            }
        }))];
        foreach (Thread thread in threads)
        {
            thread.Start();
        }

        foreach (Thread thread in threads)
        {
            thread.Join();
        }

        Assert.Equal([0, 0], results);
        Assert.Equal(2u * Rounds, *(uint*)(memory + 8));
    }
}
