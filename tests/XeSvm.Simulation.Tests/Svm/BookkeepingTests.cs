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
    private const long MostPerGiB = 10 << 20;
    private const ulong Bytes = 128 << 20;

    /// <summary>Managed bytes by the GC's count; native page tables by their number.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public void A_mirrored_GiB_of_2M_ranges_costs_at_most_10_MiB(int preferredLocation)
    {
        using var gpu = new GpuClient(new SoftwareBackendOptions { VramBytes = 256 << 20 });
        ulong memory = GpuClient.Map(Bytes, Block);
        GpuClient.Touch(memory, Bytes);
        Assert.Equal(0, gpu.Advise(memory, Bytes, preferredLocation));
        Vm vm = gpu.Inspect(gpu.Vm);
        Assert.Equal(0, gpu.Run());
        long before = GC.GetTotalMemory(forceFullCollection: true);
        for (ulong at = 0; at < Bytes; at += Block)
        {
            Assert.Equal(0, vm.HandleFault(memory + at, GpuAccess.Write, vm.Device.PrimaryGt));
        }

        long managed = GC.GetTotalMemory(forceFullCollection: true) - before;

        // A leaf table of the I/O page table for each range of scattered system pages, and its frames. The GPU has one 2M leaf.
        const long Native = 4096 + (512 * 12);
        Assert.True(vm.PageTable.TryWalk(memory, out _, out int shift));
        Assert.Equal(21, shift);
        long native = preferredLocation == 0 ? 0 : (long)(Bytes / Block) * Native;
        long perGiB = (managed + native) * (long)((1UL << 30) / Bytes);
        output.WriteLine($"{perGiB / 1024.0 / 1024:F2} MiB per mirrored GiB ({(preferredLocation == 0 ? "VRAM" : "system memory")}), of which managed {managed * 8 / 1024.0 / 1024:F2}");
        Assert.True(perGiB <= MostPerGiB, $"{perGiB} bytes");
        GpuClient.Unmap(memory, Bytes);
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
