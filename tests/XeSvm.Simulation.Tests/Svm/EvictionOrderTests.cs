using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Driver;
using XeSvm.Simulation.Memory;
using XeSvm.Simulation.Tests.Driver;
using XeSvm.Simulation.Tests.Svm.Torture;

namespace XeSvm.Simulation.Tests.Svm;

/// <summary>Buffer objects and device pages stand in one order of use: who needs VRAM takes it from whichever was not used for longest.</summary>
[Trait("Rule", "svm 8")]
[Collection(TortureCollection.Name)]
public sealed unsafe class EvictionOrderTests
{
    private const ulong Block = 2 << 20;
    private const ulong Vram = 8 * Block;
    private const uint AtomicIncrement = 0x17800501;
    private const uint OnlyVram = DrmClient.VramMemory;

    public static TheoryData<string> Modes() => ["auto", "coherent"];

    [Theory]
    [MemberData(nameof(Modes))]
    public void A_migration_evicts_the_buffer_object_that_is_older_than_all_device_pages(string cpuFaults)
    {
        using GpuClient gpu = Open(cpuFaults);
        uint handle = gpu.CreateBo(Block, OnlyVram);
        byte* content = gpu.MapBo(handle, Block);
        *(ulong*)(content + 0x1230) = 0x123456789;
        ulong memory = Fill(gpu, 7);
        Assert.True(gpu.InspectBo(handle).IsInVram);

        ulong more = MapTouched(1);
        Assert.Equal(0, gpu.Store(more, 1));
        Assert.False(gpu.InspectBo(handle).IsInVram);
        Assert.Equal(Residency.Device, PlaceOf(gpu, more));
        for (ulong block = 0; block < 7; block++)
        {
            Assert.Equal(Residency.Device, PlaceOf(gpu, memory + (block * Block)));
        }

        Assert.Equal(0x123456789ul, *(ulong*)(content + 0x1230));
        gpu.UnmapBo(content, Block);
        GpuClient.Unmap(more, Block);
        GpuClient.Unmap(memory, 7 * Block);
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void A_buffer_object_that_was_used_since_stays_and_the_oldest_device_pages_go(string cpuFaults)
    {
        using GpuClient gpu = Open(cpuFaults);
        uint handle = gpu.CreateBo(Block, OnlyVram);
        ulong memory = Fill(gpu, 7);

        // An access of the GPU faults the object in: that is a use.
        const ulong Address = 0x100_0000_0000;
        Assert.Equal(0, gpu.BindBo(gpu.Vm, handle, Address, Block));
        Assert.Equal(0, gpu.Store(Address, 5));
        ulong more = MapTouched(1);
        Assert.Equal(0, gpu.Store(more, 1));
        Assert.True(gpu.InspectBo(handle).IsInVram);
        Assert.Equal(Residency.System, PlaceOf(gpu, memory));
        Assert.Equal(Residency.Device, PlaceOf(gpu, memory + Block));

        // And the other way round: an object that needs room takes it from the pages that are oldest now.
        _ = gpu.CreateBo(Block, OnlyVram);
        Assert.True(gpu.InspectBo(handle).IsInVram);
        Assert.Equal(Residency.System, PlaceOf(gpu, memory + Block));
        Assert.Equal(Residency.Device, PlaceOf(gpu, memory + (2 * Block)));
        GpuClient.Unmap(more, Block);
        GpuClient.Unmap(memory, 7 * Block);
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void An_object_that_somebody_is_busy_with_is_passed_over_and_keeps_its_turn(string cpuFaults)
    {
        using GpuClient gpu = Open(cpuFaults);
        uint handle = gpu.CreateBo(Block, OnlyVram);
        ulong memory = Fill(gpu, 7);
        ulong more = MapTouched(2);
        lock (gpu.InspectBo(handle).Lock)
        {
            Assert.Equal(0, gpu.Store(more, 1));
            Assert.True(gpu.InspectBo(handle).IsInVram);
            Assert.Equal(Residency.System, PlaceOf(gpu, memory));
        }

        Assert.Equal(0, gpu.Store(more + Block, 1));
        Assert.False(gpu.InspectBo(handle).IsInVram);
        Assert.Equal(Residency.Device, PlaceOf(gpu, memory + Block));
        GpuClient.Unmap(more, 2 * Block);
        GpuClient.Unmap(memory, 7 * Block);
    }

    [Theory]
    [MemberData(nameof(Modes))]
    [Trait("Rule", "svm 5.2")]
    public void With_VRAM_full_of_a_busy_object_a_store_works_in_system_memory_and_an_atomic_is_refused(string cpuFaults)
    {
        using GpuClient gpu = Open(cpuFaults);
        uint handle = gpu.CreateBo(Vram, OnlyVram);
        ulong memory = MapTouched(1);
        lock (gpu.InspectBo(handle).Lock)
        {
            Assert.Equal(0, gpu.Store(memory + 0x1008, 6));
            Assert.Equal(Residency.System, PlaceOf(gpu, memory));
            Assert.Equal(6u, *(uint*)(memory + 0x1008));
            Assert.Equal(-Errno.EIO, gpu.Run(AtomicIncrement, (uint)memory, (uint)(memory >> 32)));
        }

        GpuClient.Unmap(memory, Block);
    }

    [Theory]
    [MemberData(nameof(Modes))]
    [Trait("Rule", "svm 5.2")]
    public void With_VRAM_full_of_an_idle_object_an_atomic_evicts_it(string cpuFaults)
    {
        using GpuClient gpu = Open(cpuFaults);
        uint handle = gpu.CreateBo(Vram, OnlyVram);
        ulong memory = MapTouched(1);
        uint before = *(uint*)memory;
        Assert.Equal(0, gpu.Run(AtomicIncrement, (uint)memory, (uint)(memory >> 32)));
        Assert.False(gpu.InspectBo(handle).IsInVram);
        Assert.Equal(before + 1, *(uint*)memory);
        GpuClient.Unmap(memory, Block);
    }

    private static GpuClient Open(string cpuFaults) => new(new SoftwareBackendOptions { VramBytes = Vram, CpuFaults = cpuFaults });

    private static ulong MapTouched(ulong blocks)
    {
        ulong memory = GpuClient.Map(blocks * Block, Block);
        GpuClient.Touch(memory, blocks * Block);
        return memory;
    }

    private static ulong Fill(GpuClient gpu, ulong blocks)
    {
        ulong memory = MapTouched(blocks);
        for (ulong block = 0; block < blocks; block++)
        {
            Assert.Equal(0, gpu.Store(memory + (block * Block), 1));
        }

        return memory;
    }

    private static Residency PlaceOf(GpuClient gpu, ulong block)
    {
        gpu.Device.Client.Settle();
        return gpu.Device.Client.Residency.Examine(block, block + Block, out _);
    }
}
