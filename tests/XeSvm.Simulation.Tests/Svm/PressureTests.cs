using XeSvm.Interop.LibC;
using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Driver;
using XeSvm.Simulation.Tests.Driver;

namespace XeSvm.Simulation.Tests.Svm;

/// <summary>VRAM that others hold, memory that changes without a message, and several VMs on one chunk.</summary>
public unsafe class PressureTests
{
    private const ulong Block = 2 << 20;
    private const ulong Vram = 16 << 20;

    public static TheoryData<string> Modes() => ["auto", "coherent"];

    private static GpuClient Open(string cpuFaults) => new(new SoftwareBackendOptions { VramBytes = Vram, CpuFaults = cpuFaults });

    [Fact]
    public void A_buffer_object_larger_than_VRAM_evicts_nothing()
    {
        using GpuClient gpu = Open("auto");
        ulong memory = GpuClient.Map(Block, Block);
        GpuClient.Touch(memory, Block);
        Assert.Equal(0, gpu.Store(memory, 1));
        var create = new drm_xe_gem_create { size = 2 * Vram, placement = MemoryRegions.FirstVramBit, cpu_caching = (ushort)DrmXe.DRM_XE_GEM_CPU_CACHING_WC };
        Assert.Equal(-Errno.ENOMEM, gpu.Ioctl(DrmXe.DRM_IOCTL_XE_GEM_CREATE, ref create));
        Assert.Equal(1, gpu.Counter("device_allocations", "backend"));
        GpuClient.Unmap(memory, Block);
    }

    [Theory]
    [MemberData(nameof(Modes))]
    [Trait("Rule", "svm 3.retries")]
    public void A_file_that_is_cut_under_its_mapping_ends_in_a_ban_and_not_in_a_loop(string cpuFaults)
    {
        using GpuClient gpu = Open(cpuFaults);
        Assert.Equal(0, SystemCalls.MemfdCreate("test", out FileDescriptorHandle? file));
        Assert.Equal(0, SystemCalls.SetLength(file!, 0x10000));
        Assert.Equal(0, SystemCalls.MapShared(file!, 0, 0x10000, MemoryProtection.ReadWrite, 0, out nint mapping));
        ulong memory = (ulong)mapping;
        GpuClient.Touch(memory, 0x10000);
        Assert.Equal(0, gpu.Store(memory + 8, 5));
        Assert.Equal(0, SystemCalls.SetLength(file!, 0));
        Assert.Equal(-Errno.EIO, gpu.Store(memory + 8, 6));
        GpuClient.Unmap(memory, 0x10000);
        file!.Dispose();
    }

    [SkippableFact]
    public void A_page_dropped_inside_an_allocation_reads_as_zeros_and_the_rest_survives()
    {
        using GpuClient gpu = Open("auto");
        Skip.If(gpu.IsCoherent, "Dropped pages are not noticed without userfaultfd.");
        ulong memory = GpuClient.Map(Block, Block);
        for (int round = 0; round < 20; round++)
        {
            GpuClient.Touch(memory, Block);
            Assert.Equal(0, gpu.Store(memory + 8, 7));
            Assert.Equal(0, SystemCalls.Advise((nint)(memory + 0x5000), 0x3000, MemoryAdvice.DontNeed));
            Assert.Equal(0, gpu.Store(memory + 0x6010, 8));
            Assert.Equal(0ul, *(ulong*)(memory + 0x5000));
            Assert.Equal(8u, *(uint*)(memory + 0x6010));
            Assert.Equal(4ul, *(ulong*)(memory + 0x4000));
            Assert.Equal(511ul, *(ulong*)(memory + Block - 0x1000));
        }

        GpuClient.Unmap(memory, Block);
        gpu.Counter("svm_pagefault_count"); // reading statistics settles
        Assert.Equal(0, gpu.Counter("device_allocations", "backend"));
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void Two_devices_and_a_CPU_thread_share_one_chunk_and_lose_nothing(string cpuFaults)
    {
        using GpuClient first = Open(cpuFaults);
        using GpuClient second = Open(cpuFaults);
        ulong memory = GpuClient.Map(Block, Block);
        GpuClient.Touch(memory, Block);
        const uint Rounds = 120;
        bool done = false;
        ulong counted = 0;
        var cpu = new Thread(() =>
        {
            while (!Volatile.Read(ref done))
            {
                (*(ulong*)(memory + 0x2040))++;
                counted++;
                Thread.SpinWait(2000);
            }
        });
        int failed = 0;
        var other = new Thread(() => failed = Stores(second, 0x2020));
        cpu.Start();
        other.Start();
        int result = Stores(first, 0x2010);
        Assert.True(other.Join(TimeSpan.FromMinutes(10)), "The second device hangs.");
        Volatile.Write(ref done, true);
        cpu.Join();
        Assert.Equal((0, 0), (result, failed));
        Assert.Equal((Rounds, Rounds, counted), (*(uint*)(memory + 0x2010), *(uint*)(memory + 0x2020), *(ulong*)(memory + 0x2040)));
        GpuClient.Unmap(memory, Block);

        int Stores(GpuClient gpu, ulong offset)
        {
            for (uint value = 1; value <= Rounds; value++)
            {
                int stored = gpu.Store(memory + offset, value);
                stored = stored < 0 || value % 4 != 0 ? stored : gpu.Prefetch(memory, Block, region: value % 8 == 0 ? 1u : 0u);
                if (stored < 0)
                {
                    return stored;
                }
            }

            return 0;
        }
    }
}
