using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Driver;
using XeSvm.Simulation.Gpu;
using XeSvm.Simulation.Tests.Driver;
using XeSvm.Simulation.Tests.Svm.Torture;

using Xunit.Abstractions;

namespace XeSvm.Simulation.Tests.Svm;

/// <summary>What mirrored memory costs the backend in memory of its own, and what faults cost the GC.</summary>
[Collection(TortureCollection.Name)]
public unsafe class BookkeepingTests(ITestOutputHelper output)
{
    private const ulong Block = 2 << 20;

    /// <summary>
    /// Managed bytes by the GC's count; native page tables by their number. Ranges of 2M are what the goal is about. Smaller ones cost what a
    /// record for each costs, as they do in the kernel; the limits here keep that from growing.
    /// </summary>
    /// <param name="size">Bytes of a range.</param>
    /// <param name="preferredLocation">0: VRAM; -1: system memory.</param>
    /// <param name="mostMiB">The limit.</param>
    [Theory]
    [InlineData(Block, 0, 10)]
    [InlineData(Block, -1, 10)]
    [InlineData(64 << 10, 0, 10)]
    [InlineData(64 << 10, -1, 18)]
    [InlineData(4 << 10, 0, 130)]
    [InlineData(4 << 10, -1, 130)]
    public void A_mirrored_GiB_costs_at_most_a_known_amount(ulong size, int preferredLocation, long mostMiB)
    {
        // Enough that a table which the runtime makes meanwhile does not show.
        ulong bytes = size == 4 << 10 ? 16UL << 20 : 128UL << 20;
        ulong mapped = bytes + Block;
        using var gpu = new GpuClient(new SoftwareBackendOptions { VramBytes = 256 << 20 });
        ulong memory = GpuClient.Map(mapped, Block);
        GpuClient.Touch(memory, mapped);
        Assert.Equal(0, gpu.Advise(memory, mapped, preferredLocation));
        Vm vm = gpu.Inspect(gpu.Vm);
        for (ulong at = 0; size < Block && at < mapped; at += 2 * size)
        {
            // A range lies inside one area of the VM, and advice to every second piece makes areas of that size.
            Assert.Equal(0, gpu.AdviseAtomic(gpu.Vm, memory + at, size, DrmXe.DRM_XE_ATOMIC_DEVICE));
        }

        Assert.Equal(0, gpu.Run());
        for (ulong at = bytes; at < mapped; at += size)
        {
            Assert.Equal(0, vm.HandleFault(memory + at, GpuAccess.Write, vm.Device.PrimaryGt));
        }

        int ranges = vm.Svm!.RangeCount;
        long before = GC.GetTotalMemory(forceFullCollection: true);
        for (ulong at = 0; at < bytes; at += size)
        {
            Assert.Equal(0, vm.HandleFault(memory + at, GpuAccess.Write, vm.Device.PrimaryGt));
        }

        Assert.Equal((int)(bytes / size), vm.Svm.RangeCount - ranges);
        long managed = GC.GetTotalMemory(forceFullCollection: true) - before;

        // In system memory: a leaf table of the I/O page table for 2 MiB of addresses, and 12 bytes for each frame.
        long native = preferredLocation == 0 ? 0 : (long)(bytes / Block) * (4096 + (512 * 12));

        // Smaller leaves: a table of the GPU page table for each block, with 8 bytes for each entry.
        native += size == Block ? 0 : (long)(bytes / Block) * 4096;
        double mebibytesPerGiB = (1UL << 30) / bytes / 1024.0 / 1024;
        double perGiB = (managed + native) * mebibytesPerGiB;
        string place = preferredLocation == 0 ? "VRAM" : "system memory";
        output.WriteLine($"{perGiB:F2} MiB per mirrored GiB of ranges of {size >> 10} KiB ({place}), of which managed {managed * mebibytesPerGiB:F2}");
        Assert.True(perGiB <= mostMiB, $"{perGiB} MiB");
        GpuClient.Unmap(memory, mapped);
    }

    [Fact]
    public void Faults_with_migration_and_without_allocate_nothing()
    {
        using var gpu = new GpuClient(new SoftwareBackendOptions { VramBytes = 64 << 20 });
        ulong memory = GpuClient.Map(8 * Block, Block);
        Vm vm = gpu.Inspect(gpu.Vm);
        Round(4);
        long least = long.MaxValue;
        for (int attempt = 0; attempt < 5; attempt++)
        {
            // The runtime allocates on this thread too, once in a while.
            long before = GC.GetAllocatedBytesForCurrentThread();
            Round(4);
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        Assert.Equal(0, least);
        GpuClient.Unmap(memory, 8 * Block);

        void Round(int times)
        {
            for (int i = 0; i < times; i++)
            {
                for (ulong at = 0; at < 8 * Block; at += Block)
                {
                    *(ulong*)(memory + at) = at;
                    int result = vm.HandleFault(memory + at, GpuAccess.Write, vm.Device.PrimaryGt);
                    result |= vm.HandleFault(memory + at, GpuAccess.Write, vm.Device.PrimaryGt);
                    if (result != 0)
                    {
                        throw new InvalidOperationException($"A fault failed: {result}.");
                    }
                }
            }
        }
    }
}
