using XeSvm.Interop.LibC;
using XeSvm.Simulation.Tests.Driver;

namespace XeSvm.Simulation.Tests.Svm;

/// <summary>Changes of mappings that no userfaultfd event reports are noticed at the next look.</summary>
public unsafe class RevalidationTests
{
    private const ulong Block = 2 << 20;

    public static TheoryData<string> Modes => ["auto", "coherent"];

    private static GpuClient Open(string cpuFaults) => new(new SoftwareBackendOptions { VramBytes = 64 << 20, CpuFaults = cpuFaults });

    /// <summary>Memory that stays in system memory: nothing of it is ever registered with userfaultfd.</summary>
    private static ulong MapInSystemMemory(GpuClient gpu)
    {
        ulong memory = GpuClient.Map(Block, Block);
        Assert.Equal(0, gpu.Advise(memory, Block, preferredLocation: -1));
        GpuClient.Touch(memory, Block);
        Assert.Equal(0, gpu.Store(memory + 8, 3));
        Assert.Equal(3u, *(uint*)(memory + 8));
        return memory;
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void Ranges_do_not_outlive_unmapped_memory_that_was_never_registered(string cpuFaults)
    {
        using GpuClient gpu = Open(cpuFaults);
        ulong memory = MapInSystemMemory(gpu);
        Assert.Equal(-Errno.EBUSY, gpu.UnbindRange(gpu.Vm, memory, Block));
        GpuClient.Unmap(memory, Block);
        Assert.Equal(0, gpu.UnbindRange(gpu.Vm, memory, Block));
    }

    [Theory]
    [MemberData(nameof(Modes))]
    [Trait("Rule", "svm 7.gone")]
    public void A_partial_unmap_ends_the_range_and_the_rest_is_mapped_anew(string cpuFaults)
    {
        using GpuClient gpu = Open(cpuFaults);
        ulong memory = MapInSystemMemory(gpu);
        GpuClient.Unmap(memory + Block - 0x1000, 0x1000);

        // VM_BIND of something else notices it: afterwards the unmapped page faults, and the rest is found in smaller ranges.
        ulong other = GpuClient.Map(Block, Block);
        Assert.Equal(0, gpu.Prefetch(other, Block, 0));
        Assert.Equal(0, gpu.Store(memory + 16, 4));
        Assert.Equal(4u, *(uint*)(memory + 16));
        Assert.Equal(0, gpu.UnbindRange(gpu.Vm, memory + Block - 0x10000, 0x10000));
        Assert.Equal(-Errno.EBUSY, gpu.UnbindRange(gpu.Vm, memory, 0x10000));
        GpuClient.Unmap(memory, Block - 0x1000);
        GpuClient.Unmap(other, Block);
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void A_hole_that_came_before_its_memory_was_recorded_ends_the_range(string cpuFaults) => ChangeUnseen(cpuFaults, (page) => GpuClient.Unmap(page, 0x1000));

    [Theory]
    [MemberData(nameof(Modes))]
    public void A_guard_page_that_came_before_its_memory_was_recorded_ends_the_range(string cpuFaults) =>
        ChangeUnseen(cpuFaults, (page) => Assert.Equal(0, SystemCalls.Protect((nint)page, 0x1000, MemoryProtection.None)));

    private static void ChangeUnseen(string cpuFaults, Action<ulong> change)
    {
        using GpuClient gpu = Open(cpuFaults);
        ulong memory = MapInSystemMemory(gpu);

        // The range is there, and nothing is known of how its memory was mapped: as when the client is quicker than the fault.
        gpu.Device.Client.Notifiers.Invalidate(memory, memory + Block, XeSvm.Simulation.Memory.MmuEvent.Migrate);
        gpu.Device.Client.Mappings.Remove(memory, memory + Block);
        change(memory + Block - 0x1000);
        Assert.Equal(0, gpu.Store(memory + 16, 4));
        Assert.Equal(4u, *(uint*)(memory + 16));
        GpuClient.Unmap(memory, Block);
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void A_changed_protection_keeps_the_range_and_refuses_writes(string cpuFaults)
    {
        using GpuClient gpu = Open(cpuFaults);
        ulong memory = MapInSystemMemory(gpu);
        Assert.Equal(0, SystemCalls.Protect((nint)memory, (nuint)Block, MemoryProtection.Read));
        Assert.Equal(-Errno.EBUSY, gpu.UnbindRange(gpu.Vm, memory, Block));
        Assert.Equal(-Errno.EIO, gpu.Store(memory + 8, 4));
        Assert.Equal(3u, *(uint*)(memory + 8));
        GpuClient.Unmap(memory, Block);
    }

    [Fact]
    public void Without_userfaultfd_unmapped_memory_gives_its_VRAM_back_at_the_next_look()
    {
        using GpuClient gpu = Open("coherent");
        ulong memory = GpuClient.Map(Block, Block);
        GpuClient.Touch(memory, Block);
        Assert.Equal(0, gpu.Store(memory + 8, 3));
        Assert.Equal(1, gpu.Counter("device_allocations", "backend"));
        GpuClient.Unmap(memory, Block);
        Assert.Equal(0, gpu.UnbindRange(gpu.Vm, memory, Block));
        Assert.Equal(0, gpu.Counter("device_allocations", "backend"));
    }
}
