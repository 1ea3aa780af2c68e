using XeSvm.Simulation.Dma;
using XeSvm.Simulation.Driver;
using XeSvm.Simulation.Pagemap;
using XeSvm.Simulation.Tests.Dma;
using XeSvm.Simulation.Tests.Driver;

namespace XeSvm.Simulation.Tests.Svm;

/// <summary>The mapping strategies' edge cases as the whole driver meets them; the audit finds what is left behind.</summary>
public unsafe class MappingEdgeTests
{
    private const ulong Block = 2 << 20;

    public static TheoryData<string> Strategies() => [.. MappingStrategy.All.ToArray().Select(strategy => strategy.Name)];

    private static GpuClient Open(string strategy) => new(new SoftwareBackendOptions { VramBytes = 64 << 20, Strategy = strategy });

    private static FaultInjector Inject(GpuClient gpu) => gpu.Device.Options.Faults;

    private static void AssertClean(GpuClient gpu) => Assert.Equal("clean\n", gpu.File.ReadDebugFile("dma_audit").Text);

    [Theory]
    [MemberData(nameof(Strategies))]
    [Trait("Rule", "svm 5.3.errors")]
    public void A_mapping_that_fails_at_any_page_leaves_the_data_in_system_memory_and_nothing_behind(string strategy)
    {
        using GpuClient gpu = Open(strategy);
        ulong memory = GpuClient.Map(0x10000, Block);
        GpuClient.Touch(memory, 0x10000);
        Assert.Equal(0, gpu.Run());
        FaultPoint operation = strategy is "per-page" or "scatterlist" ? FaultPoint.Map : FaultPoint.Link;
        int[] pages = strategy == "scatterlist" ? [0] : [0, 1, 7, 15]; // a scatterlist is one call
        foreach (int passes in pages)
        {
            Inject(gpu).FailAfter(operation, passes, failures: 1);
            Assert.Equal(0, gpu.Store(memory + 0x3008, (uint)passes));
            Assert.Equal(0, gpu.Counter("device_allocations", "backend"));
            Assert.Equal((uint)passes, *(uint*)(memory + 0x3008));
            Assert.Equal(3ul, *(ulong*)(memory + 0x3000));
            AssertClean(gpu);
            Assert.Equal(0, gpu.Prefetch(memory, 0x10000, region: 0));
        }

        GpuClient.Unmap(memory, 0x10000);
    }

    [Theory]
    [MemberData(nameof(Strategies))]
    public void Without_IOVA_space_every_page_is_mapped_by_itself(string strategy)
    {
        using GpuClient gpu = Open(strategy);
        ulong memory = GpuClient.Map(Block, Block);
        GpuClient.Touch(memory, Block);
        Assert.Equal(0, gpu.Run());
        Inject(gpu).FailAfter(FaultPoint.IovaAllocation, 0, failures: 1);
        Assert.Equal(0, gpu.Store(memory + 8, 5));
        Assert.Equal(1, gpu.Counter("svm_2M_migrate_count"));
        if (strategy.StartsWith("iova", StringComparison.Ordinal))
        {
            Assert.Equal(512, gpu.Counter("migrate_to_device.map_calls", "dma"));
            Assert.Equal(1, gpu.Counter("migrate_to_device.fallback_segments", "dma"));
        }

        AssertClean(gpu);
        GpuClient.Unmap(memory, Block);
    }

    [Theory]
    [MemberData(nameof(Strategies))]
    [Trait("Rule", "svm 7.unmap-dma")]
    public void Invalidation_of_mapped_system_pages_unmaps_all_and_the_next_fault_maps_anew(string strategy)
    {
        using GpuClient gpu = Open(strategy);
        ulong memory = GpuClient.Map(Block, Block);
        GpuClient.Touch(memory, Block);
        Assert.Equal(0, gpu.Advise(memory, Block, -1));
        Assert.Equal(0, gpu.Run());
        long mapped = Mapped(gpu);
        long cleared = gpu.Counter("get_pages.pte_clear", "dma");
        Assert.Equal(0, gpu.Store(memory + 8, 1));
        long first = Mapped(gpu) - mapped;

        // The client's memory is invalidated as an MMU notifier would do it: by a migration, here to VRAM and back.
        Assert.Equal(0, gpu.Prefetch(memory, Block, region: 1));
        Assert.Equal(512, gpu.Counter("get_pages.pte_clear", "dma") - cleared);
        AssertClean(gpu);
        Assert.Equal(0, gpu.Prefetch(memory, Block, region: 0));
        Assert.Equal(0, gpu.Store(memory + 16, 2));
        Assert.Equal(2 * first, Mapped(gpu) - mapped);
        Assert.Equal((1u, 2u), (*(uint*)(memory + 8), *(uint*)(memory + 16)));
        AssertClean(gpu);
        GpuClient.Unmap(memory, Block);
    }

    [SkippableTheory]
    [MemberData(nameof(Strategies))]
    [Trait("Rule", "svm 5.3.holes")]
    public void Holes_are_not_mapped_and_read_as_zeros(string strategy)
    {
        using GpuClient gpu = Open(strategy);
        Skip.If(gpu.IsCoherent, "Without userfaultfd every page is copied, holes too.");
        ulong memory = GpuClient.Map(Block, Block);
        for (ulong page = 1; page < 512; page += 2)
        {
            *(ulong*)(memory + (page << 12)) = page;
        }

        Assert.Equal(0, gpu.Store(memory + 8, 9));
        Assert.Equal(256 * 4096, gpu.Counter("migrate_to_device.bytes_copied", "dma"));
        Assert.Equal(9u, *(uint*)(memory + 8));
        for (ulong page = 0; page < 512; page++)
        {
            Assert.Equal((page & 1) == 1 ? page : 0, *(ulong*)(memory + (page << 12)));
        }

        AssertClean(gpu);
        GpuClient.Unmap(memory, Block);
    }

    [Fact]
    [Trait("Rule", "svm 5.3.segments")]
    public void An_array_is_cut_where_the_kind_of_source_changes()
    {
        MigratePageKind[] kinds =
        [
            MigratePageKind.System, MigratePageKind.Hole, MigratePageKind.System, MigratePageKind.DevicePrivate, MigratePageKind.DevicePrivate,
            MigratePageKind.System, MigratePageKind.Tail, MigratePageKind.DevicePrivate,
        ];
        MigratePage[] pages = [.. kinds.Select(kind => new MigratePage { Kind = kind })];
        var segments = new List<MigrateSegment>();
        for (int at = 0; at < pages.Length; at = segments[^1].End)
        {
            segments.Add(MigrateSegment.At(pages, at));
        }

        Assert.Equal([new(0, 3, false), new(3, 2, true), new(5, 2, false), new(7, 1, true)], segments);
        Assert.True(segments[0].HasContent(pages));
        Assert.False(MigrateSegment.At([new MigratePage { Kind = MigratePageKind.Hole }], 0).HasContent([new MigratePage { Kind = MigratePageKind.Hole }]));
    }

    [Fact]
    [Trait("Rule", "svm 1.allocation")]
    public void Every_page_of_an_allocation_has_the_same_owner_and_no_two_allocations_share_one()
    {
        using GpuClient gpu = Open("iova");
        ulong memory = GpuClient.Map(2 * Block, Block);
        GpuClient.Touch(memory, 2 * Block);
        Assert.Equal(0, gpu.Prefetch(memory, 2 * Block, region: 1));
        SoftwareDevice device = ((SoftwareFile)gpu.File).Device;
        DeviceMemoryAllocation? first = Owner(memory);
        DeviceMemoryAllocation? second = Owner(memory + Block);
        Assert.NotNull(first);
        Assert.NotNull(second);
        Assert.NotSame(first, second);
        for (ulong at = 0; at < Block; at += 4096)
        {
            Assert.Same(first, Owner(memory + at));
            Assert.Same(second, Owner(memory + Block + at));
        }

        GpuClient.Unmap(memory, 2 * Block);

        DeviceMemoryAllocation? Owner(ulong address) => device.Client.Residency.TryFind(address, out DeviceMemoryAllocation? owner) ? owner : null;
    }

    private static long Mapped(GpuClient gpu) => gpu.Counter("get_pages.link_calls", "dma") + gpu.Counter("get_pages.map_calls", "dma");
}
