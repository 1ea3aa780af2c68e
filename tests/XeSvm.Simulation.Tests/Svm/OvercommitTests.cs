using XeSvm.Simulation.Memory;
using XeSvm.Simulation.Tests.Driver;
using XeSvm.Simulation.Tests.Svm.Torture;

namespace XeSvm.Simulation.Tests.Svm;

/// <summary>More memory in use than there is VRAM.</summary>
[Trait("Rule", "svm 8")]
[Collection(TortureCollection.Name)]
public unsafe class OvercommitTests
{
    private const ulong Block = 2 << 20;
    private const ulong Vram = 16 << 20;

    public static TheoryData<string> Modes() => ["auto", "coherent"];

    private static GpuClient Open(string cpuFaults) => new(new SoftwareBackendOptions { VramBytes = Vram, CpuFaults = cpuFaults });

    [Theory]
    [MemberData(nameof(Modes))]
    public void A_working_set_of_four_times_the_VRAM_runs_to_the_end_with_right_data(string cpuFaults)
    {
        using GpuClient gpu = Open(cpuFaults);
        const ulong Bytes = 4 * Vram;
        ulong memory = GpuClient.Map(Bytes, Block);
        GpuClient.Touch(memory, Bytes);
        for (uint pass = 1; pass <= 2; pass++)
        {
            for (ulong at = 0; at < Bytes; at += Block)
            {
                Assert.Equal(0, gpu.Store(memory + at + 0x1010, (uint)(at >> 20) + pass));
            }
        }

        Assert.Equal((long)(2 * Bytes / Block), gpu.Counter("svm_2M_migrate_count"));
        Assert.InRange(gpu.Counter("device_allocations", "backend"), 1, (long)(Vram / Block));
        for (ulong at = 0; at < Bytes; at += 4096)
        {
            Assert.Equal(at >> 12, *(ulong*)(memory + at));
        }

        for (ulong at = 0; at < Bytes; at += Block)
        {
            Assert.Equal((uint)(at >> 20) + 2, *(uint*)(memory + at + 0x1010));
        }

        Assert.Equal("clean\n", gpu.File.ReadDebugFile("dma_audit").Text);
        GpuClient.Unmap(memory, Bytes);
    }

    [Theory]
    [MemberData(nameof(Modes))]
    [Trait("Rule", "svm 8.pressure")]
    public void The_victim_is_the_allocation_that_was_bound_longest_ago(string cpuFaults)
    {
        using GpuClient gpu = Open(cpuFaults);
        const ulong Resident = Vram / Block;
        ulong memory = GpuClient.Map((Resident + 1) * Block, Block);
        GpuClient.Touch(memory, (Resident + 1) * Block);
        for (ulong block = 0; block < Resident; block++)
        {
            Assert.Equal(0, gpu.Store(memory + (block * Block), 1));
        }

        // Advice drops the mapping of block 0, the store binds it again: it is the youngest now.
        Assert.Equal(0, gpu.AdviseAtomic(gpu.Vm, memory, Block, 2));
        Assert.Equal(0, gpu.Store(memory, 2));
        Assert.Equal(0, gpu.Store(memory + (Resident * Block), 1));
        Residency[] places = [.. Enumerable.Range(0, (int)Resident + 1).Select(block =>
            gpu.Device.Client.Residency.Examine(memory + ((ulong)block * Block), memory + (((ulong)block + 1) * Block), out _))];
        Assert.Equal(Residency.Device, places[0]);
        Assert.Equal(Residency.System, places[1]);
        Assert.All(places.Skip(2), place => Assert.Equal(Residency.Device, place));
        GpuClient.Unmap(memory, (Resident + 1) * Block);
    }
}
