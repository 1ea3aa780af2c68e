using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Iommu;
using XeSvm.Simulation.Tests.Driver;

namespace XeSvm.Simulation.Tests.Svm;

/// <summary>Faults and migrations with CPU faults by userfaultfd.</summary>
public class MigrationTests : MigrationBehaviour
{
    protected override string CpuFaults => "auto";
}

/// <summary>The same without userfaultfd.</summary>
public class CoherentMigrationTests : MigrationBehaviour
{
    protected override string CpuFaults => "coherent";
}

/// <summary>What must hold however CPU touches of device pages are noticed.</summary>
public abstract unsafe class MigrationBehaviour
{
    private const ulong Block = 2 << 20;
    private const ulong Vram = 128 << 20;

    protected abstract string CpuFaults { get; }

    private SoftwareBackendOptions Options => new() { VramBytes = Vram, CpuFaults = CpuFaults };

    [Fact]
    public void A_store_into_touched_memory_moves_2M_to_the_device_and_both_sides_see_the_data()
    {
        using var gpu = new GpuClient(Options);
        ulong memory = GpuClient.Map(Block, Block);
        GpuClient.Touch(memory, Block);
        Assert.Equal(0, gpu.Store(memory + 0x5008, 0xC0FFEE));
        Assert.True(1 == gpu.Counter("svm_2M_migrate_count"), gpu.Backend);
        Assert.True(1 == gpu.Counter("svm_2M_pagefault_count"), gpu.Backend);
        Assert.Equal(2048, gpu.Counter("svm_2M_device_copy_kb"));
        Assert.Equal(1, gpu.Counter("device_allocations", "backend"));
        Assert.Equal(0xC0FFEEu, *(uint*)(memory + 0x5008));
        for (ulong page = 0; page < 512; page++)
        {
            Assert.Equal(page, *(ulong*)(memory + (page << 12)));
        }

        GpuClient.Unmap(memory, Block);
    }

    [Fact]
    public void A_second_store_into_the_same_range_does_not_fault()
    {
        using var gpu = new GpuClient(Options);
        ulong memory = GpuClient.Map(Block, Block);
        GpuClient.Touch(memory, Block);
        Assert.Equal(0, gpu.Store(memory, 1));
        long faults = gpu.Counter("svm_2M_pagefault_count");
        Assert.Equal(0, gpu.Store(memory + 0x1000, 2));
        Assert.Equal(faults, gpu.Counter("svm_2M_pagefault_count"));
        GpuClient.Unmap(memory, Block);
    }

    [Fact]
    [Trait("Rule", "svm 4.chunk")]
    public void A_64K_mapping_gives_a_64K_range_and_a_page_gives_a_4K_range()
    {
        using var gpu = new GpuClient(Options);
        ulong area = GpuClient.Map(4 * Block, Block);
        ulong memory = area + Block;
        GpuClient.Unmap(area, Block);
        GpuClient.Unmap(memory + 0x10000, (3 * Block) - 0x10000);
        GpuClient.Touch(memory, 0x10000);
        Assert.Equal(0, gpu.Store(memory + 0x3000, 7));
        Assert.Equal(1, gpu.Counter("svm_64K_migrate_count"));
        Assert.Equal(7u, *(uint*)(memory + 0x3000));

        ulong page = GpuClient.Map(0x1000);
        *(uint*)page = 1;
        gpu.Run(0x10000002, (uint)page, (uint)(page >> 32), 9);
        Assert.Equal(9u, *(uint*)page);
        GpuClient.Unmap(page, 0x1000);
        GpuClient.Unmap(memory, 0x10000);
    }

    [Fact]
    [Trait("Rule", "svm 5.3.holes")]
    public void Untouched_memory_reads_as_zeros_after_a_migration()
    {
        using var gpu = new GpuClient(Options);
        ulong memory = GpuClient.Map(Block, Block);
        *(ulong*)(memory + 0x7000) = 42;
        Assert.Equal(0, gpu.Store(memory + 0x9000, 5));
        Assert.Equal(42ul, *(ulong*)(memory + 0x7000));
        Assert.Equal(5u, *(uint*)(memory + 0x9000));
        Assert.Equal(0ul, *(ulong*)(memory + 0x1000));
        GpuClient.Unmap(memory, Block);
    }

    [Fact]
    [Trait("Rule", "svm 8.explicit")]
    public void Prefetch_moves_to_VRAM_and_back()
    {
        using var gpu = new GpuClient(Options);
        ulong memory = GpuClient.Map(4 * Block, Block);
        GpuClient.Touch(memory, 4 * Block);
        Assert.Equal(0, gpu.Prefetch(memory, 4 * Block, 1));
        Assert.Equal(4, gpu.Counter("device_allocations", "backend"));
        Assert.Equal(0, gpu.Counter("svm_2M_migrate_count"));
        Assert.Equal(8192, gpu.Counter("svm_device_copy_kb"));
        Assert.Equal(0, gpu.Store(memory + Block, 77));
        Assert.Equal(0, gpu.Counter("svm_2M_pagefault_count"));
        Assert.Equal(0, gpu.Prefetch(memory, 4 * Block, 0));
        Assert.Equal(0, gpu.Counter("device_allocations", "backend"));
        Assert.Equal(77u, *(uint*)(memory + Block));
        GpuClient.Unmap(memory, 4 * Block);
    }

    [Fact]
    [Trait("Rule", "svm 3.b")]
    public void Memory_that_prefers_the_system_stays_there()
    {
        using var gpu = new GpuClient(Options);
        ulong memory = GpuClient.Map(Block, Block);
        GpuClient.Touch(memory, Block);
        Assert.Equal(0, gpu.Advise(memory, Block, -1));
        Assert.Equal(0, gpu.Run());
        long links = gpu.Counter("get_pages.link_calls", "dma");
        Assert.Equal(0, gpu.Store(memory + 0x2000, 11));
        Assert.Equal(11u, *(uint*)(memory + 0x2000));
        Assert.Equal(0, gpu.Counter("svm_2M_migrate_count"));
        Assert.Equal(512, gpu.Counter("get_pages.link_calls", "dma") - links);
        *(uint*)(memory + 0x2000) = 12;
        Assert.Equal(0, gpu.Store(memory + 0x3000, 13));
        Assert.Equal(12u, *(uint*)(memory + 0x2000));
        GpuClient.Unmap(memory, Block);
    }

    [Theory]
    [InlineData("huge", "iova", 1, 0, 1)]
    [InlineData("huge", "iova-runs", 1, 0, 1)]
    [InlineData("huge", "iova-filled", 1, 0, 1)]
    [InlineData("huge", "scatterlist", 0, 1, 1)]
    [InlineData("huge", "per-page", 0, 1, 1)]
    [InlineData("scattered", "per-page", 0, 512, 0)]
    [Trait("Rule", "svm 6.map")]
    public void System_pages_are_mapped_in_the_pieces_that_the_CPU_maps_them_in(string layout, string strategy, long links, long maps, long largeLeaves)
    {
        using var gpu = new GpuClient(Options with { Layout = layout, Strategy = strategy, Iommu = IommuMode.Strict });
        ulong memory = GpuClient.Map(Block, Block);
        GpuClient.Touch(memory, Block);
        Assert.Equal(0, gpu.Advise(memory, Block, -1));
        Assert.Equal(0, gpu.Run());
        (long, long, long) before = Mapped();
        Assert.Equal(0, gpu.Store(memory + 0x2000, 11));
        (long, long, long) after = Mapped();
        Assert.Equal((links, maps, largeLeaves), (after.Item1 - before.Item1, after.Item2 - before.Item2, after.Item3 - before.Item3));
        Assert.Equal(0, gpu.Store(memory + Block - 8, 12));
        Assert.Equal((11u, 12u), (*(uint*)(memory + 0x2000), *(uint*)(memory + Block - 8)));

        // While the memory is there: afterwards its addresses may be those of another test, whose changes this device hears of too.
        Assert.Equal("clean\n", gpu.File.ReadDebugFile("dma_audit").Text);
        GpuClient.Unmap(memory, Block);

        (long Links, long Maps, long LargeLeaves) Mapped() =>
            (gpu.Counter("get_pages.link_calls", "dma"), gpu.Counter("get_pages.map_calls", "dma"), gpu.Counter("get_pages.leaf_2m", "dma"));
    }

    [Theory]
    [InlineData("per-page", Block, 512, 512, 512)]
    [InlineData("iova", Block, 1, 512, 1)]
    [InlineData("iova-runs", Block, 1, 512, 1)]
    [InlineData("per-page", 0x10000UL, 16, 16, 16)]
    [InlineData("iova", 0x10000UL, 1, 16, 1)]
    public void Counters_of_one_strict_migration_of_scattered_pages_are_exact(
        string strategy, ulong size, long allocations, long calls, long invalidations)
    {
        using var gpu = new GpuClient(Options with { Strategy = strategy, Iommu = IommuMode.Strict, Layout = "scattered" });
        ulong memory = GpuClient.Map(size, Block);
        GpuClient.Touch(memory, size);
        long[] before = Read(gpu);
        Assert.Equal(0, gpu.Store(memory, 1));
        long[] after = Read(gpu);
        Assert.Equal([allocations, calls, invalidations, allocations], after.Zip(before, (a, b) => a - b));
        GpuClient.Unmap(memory, size);

        static long[] Read(GpuClient gpu) =>
        [
            D(gpu, "iova_alloc_magazine") + D(gpu, "iova_alloc_tree"),
            D(gpu, "link_calls") + D(gpu, "map_calls"),
            D(gpu, "inval_strict"),
            D(gpu, "sync_calls"),
        ];

        static long D(GpuClient gpu, string name) => gpu.Counter("migrate_to_device." + name, "dma");
    }

    [Fact]
    [Trait("Rule", "svm 2.serve")]
    public void Access_outside_any_mapping_bans_the_queue_and_nothing_else()
    {
        using var gpu = new GpuClient(Options);
        Assert.Equal(-Errno.EIO, gpu.Store(0x10000, 1));
        var property = new drm_xe_exec_queue_get_property { exec_queue_id = gpu.Queue };
        Assert.Equal(0, gpu.Ioctl(DrmXe.DRM_IOCTL_XE_EXEC_QUEUE_GET_PROPERTY, ref property));
        Assert.Equal(1ul, property.value);
        Assert.Equal(-Errno.ECANCELED, gpu.Store(gpu.Control, 1));
        uint other = gpu.CreateQueue(gpu.Vm);
        ulong memory = GpuClient.Map(0x1000);
        Assert.Equal(0, gpu.Run(other, gpu.Control, [0x10000002, (uint)memory, (uint)(memory >> 32), 3]));
        Assert.Equal(3u, *(uint*)memory);
        GpuClient.Unmap(memory, 0x1000);
    }

    [Fact]
    public void Closing_the_file_brings_all_data_home()
    {
        ulong memory = GpuClient.Map(Block, Block);
        GpuClient.Touch(memory, Block);
        using (var gpu = new GpuClient(Options))
        {
            Assert.Equal(0, gpu.Store(memory + 0x4008, 99));
        }

        Assert.Equal(99u, *(uint*)(memory + 0x4008));
        Assert.Equal(511ul, *(ulong*)(memory + Block - 0x1000));
        GpuClient.Unmap(memory, Block);
    }

    [Fact]
    public void MEM_COPY_moves_bytes_between_two_mirrored_ranges()
    {
        using var gpu = new GpuClient(Options);
        ulong memory = GpuClient.Map(2 * Block, Block);
        var source = new Span<byte>((void*)memory, (int)Block);
        new Random(5).NextBytes(source);
        ulong destination = memory + Block;
        uint width = 0x20000 - 1;
        Assert.Equal(0, gpu.Run(
            0x56800008, width, 0, 0, 0, (uint)(memory + 0x333), (uint)(memory >> 32), (uint)(destination + 0x1001), (uint)(destination >> 32), 0));
        Assert.True(source.Slice(0x333, 0x20000).SequenceEqual(new ReadOnlySpan<byte>((void*)(destination + 0x1001), 0x20000)));
        GpuClient.Unmap(memory, 2 * Block);
    }
}
