using XeSvm.Interop.LibC;
using XeSvm.Simulation.Tests.Driver;

namespace XeSvm.Simulation.Tests.Svm;

/// <summary>That pages really leave the CPU's page table and really come back, seen from outside the driver's books.</summary>
public unsafe class CpuFaultTests
{
    private const ulong Block = 2 << 20;

    private static GpuClient Open()
    {
        var gpu = new GpuClient(new SoftwareBackendOptions { VramBytes = 64 << 20 });
        bool coherent = gpu.IsCoherent;
        string reason = gpu.Backend;
        if (coherent)
        {
            gpu.Dispose();
        }

        Skip.If(coherent, $"CPU faults cannot be observed here: {reason}");
        return gpu;
    }

    [SkippableFact]
    [Trait("Rule", "svm 8.cpu")]
    public void A_migrated_page_is_not_in_the_page_table_until_it_is_touched()
    {
        using GpuClient gpu = Open();
        ulong memory = GpuClient.Map(Block, Block);
        GpuClient.Touch(memory, Block);
        Assert.Equal(512, CpuPageTable.Resident(memory, Block));
        Assert.Equal(0, gpu.Store(memory + 0x1008, 3));
        Assert.Equal(0, CpuPageTable.Resident(memory, Block));
        Assert.Equal(0, CpuPageTable.Entries(memory, 512));
        Assert.Equal(1ul, *(ulong*)(memory + 0x1000));

        // One touch brings the whole allocation home.
        Assert.Equal(512, CpuPageTable.Resident(memory, Block));
        Assert.Equal(512, CpuPageTable.Entries(memory, 512));
        Assert.Equal(2048, gpu.Counter("svm_cpu_copy_kb"));
        Assert.Equal(0, gpu.Counter("device_allocations", "backend"));
        GpuClient.Unmap(memory, Block);
    }

    [SkippableFact]
    [Trait("Rule", "svm 8.cpu")]
    public void The_way_home_is_in_the_statistics_and_in_the_DMA_counters()
    {
        using GpuClient gpu = Open();
        ulong memory = GpuClient.Map(Block, Block);
        GpuClient.Touch(memory, Block);
        Assert.Equal(0, gpu.Store(memory + 8, 3));
        Assert.Equal(3u, *(uint*)(memory + 8));
        Assert.Equal(2048, gpu.Counter("svm_2M_cpu_copy_kb"));
        Assert.Equal(512, gpu.Counter("migrate_to_system.link_calls", "dma"));
        Assert.Equal(1, gpu.Counter("svm_tlb_inval_count"));
        GpuClient.Unmap(memory, Block);
    }

    [SkippableFact]
    public void A_GPU_access_after_the_way_home_faults_and_moves_the_data_again()
    {
        using GpuClient gpu = Open();
        ulong memory = GpuClient.Map(Block, Block);
        GpuClient.Touch(memory, Block);
        for (uint round = 1; round <= 20; round++)
        {
            Assert.Equal(0, gpu.Store(memory + 0x3008, round));
            Assert.Equal(round, *(uint*)(memory + 0x3008));
            *(uint*)(memory + 0x3010) = round;
        }

        Assert.Equal(20, gpu.Counter("svm_2M_migrate_count"));
        Assert.Equal(20u, *(uint*)(memory + 0x3010));
        GpuClient.Unmap(memory, Block);
    }

    [SkippableFact]
    [Trait("Rule", "svm 1.allocation")]
    public void Munmap_of_device_pages_frees_their_VRAM_and_a_new_mapping_there_is_empty()
    {
        using GpuClient gpu = Open();
        ulong memory = GpuClient.Map(Block, Block);
        GpuClient.Touch(memory, Block);
        Assert.Equal(0, gpu.Store(memory + 8, 3));
        GpuClient.Unmap(memory, Block);
        gpu.Counter("svm_pagefault_count"); // reading statistics settles
        Assert.Equal(0, gpu.Counter("device_allocations", "backend"));
        Assert.Equal(-Errno.EIO, gpu.Store(memory + 8, 4));
    }

    [SkippableFact]
    public void Dropped_pages_read_as_zeros_for_CPU_and_GPU()
    {
        using GpuClient gpu = Open();
        ulong memory = GpuClient.Map(2 * Block, Block);
        GpuClient.Touch(memory, 2 * Block);
        Assert.Equal(0, gpu.Store(memory + 8, 3));
        Assert.Equal(0, SystemCalls.Advise((nint)memory, (nuint)Block, MemoryAdvice.DontNeed));

        // MEM_COPY of the dropped page into the second block shows what the GPU sees.
        Assert.Equal(0, gpu.Run(
            0x56800008, 0xfff, 0, 0, 0, (uint)memory, (uint)(memory >> 32), (uint)(memory + Block), (uint)((memory + Block) >> 32), 0));
        Assert.Equal(0ul, *(ulong*)(memory + 8));
        Assert.Equal(0ul, *(ulong*)(memory + 0x1000));
        Assert.True(new ReadOnlySpan<byte>((void*)(memory + Block), 4096).IndexOfAnyExcept((byte)0) < 0);
        GpuClient.Unmap(memory, 2 * Block);
    }

    [SkippableFact]
    public void Dropped_pages_keep_their_range_and_unmapped_ones_end_it()
    {
        using GpuClient gpu = Open();
        ulong memory = GpuClient.Map(2 * Block, Block);
        GpuClient.Touch(memory, 2 * Block);
        Assert.Equal(0, gpu.Store(memory + 8, 3));
        Assert.Equal(0, gpu.Store(memory + Block + 8, 4));
        Assert.Equal(0, SystemCalls.Advise((nint)memory, (nuint)Block, MemoryAdvice.DontNeed));
        GpuClient.Unmap(memory + Block, Block);

        // A mirror area cannot be unbound from under its ranges.
        Assert.Equal(-Errno.EBUSY, gpu.UnbindRange(gpu.Vm, memory, Block));
        Assert.Equal(0, gpu.UnbindRange(gpu.Vm, memory + Block, Block));
        Assert.Equal(0, gpu.Store(memory + 16, 5));
        Assert.Equal(5ul, *(ulong*)(memory + 16));
        Assert.Equal(0ul, *(ulong*)(memory + 8));
        GpuClient.Unmap(memory, Block);
    }

    [SkippableFact]
    public void A_system_call_that_meets_device_pages_gets_the_data()
    {
        using GpuClient gpu = Open();
        Skip.If(gpu.Backend.Contains("user-mode-only", StringComparison.Ordinal), "System calls get EFAULT for device pages in this mode.");
        ulong memory = GpuClient.Map(Block, Block);
        GpuClient.Touch(memory, Block);
        Assert.Equal(0, gpu.Store(memory + 8, 0xABCD));
        string path = Path.GetTempFileName();
        using (FileStream file = File.OpenWrite(path))
        {
            file.Write(new ReadOnlySpan<byte>((void*)memory, (int)Block));
        }

        byte[] written = File.ReadAllBytes(path);
        File.Delete(path);
        Assert.Equal(0xABCD, BitConverter.ToInt32(written, 8));
        Assert.Equal(511ul, BitConverter.ToUInt64(written, (int)Block - 4096));
        GpuClient.Unmap(memory, Block);
    }

    [SkippableFact]
    public void Mremap_takes_the_content_of_device_pages_along()
    {
        using GpuClient gpu = Open();
        ulong memory = GpuClient.Map(2 * Block, Block);
        GpuClient.Touch(memory, Block);
        Assert.Equal(0, gpu.Store(memory + 8, 77));
        ulong moved = memory + Block;
        Assert.Equal(0, SystemCalls.MoveMapping((nint)memory, (nuint)Block, (nint)moved));
        Assert.Equal(77u, *(uint*)(moved + 8));
        Assert.Equal(511ul, *(ulong*)(moved + Block - 4096));
        GpuClient.Unmap(moved, Block);
    }
}
