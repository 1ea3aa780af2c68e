using XeSvm.Simulation.Cost;
using XeSvm.Simulation.Dma;
using XeSvm.Simulation.Iommu;

namespace XeSvm.Simulation.Tests.Dma;

/// <summary>
/// The work of one migration, to the unit: every shape, strategy, walker and mode. The expected figures are those of the mapping paths of
/// Linux 7.3 with a four-level table, warm magazines and warm upper tables.
/// </summary>
public class OperationCountTests
{
    /// <summary>shape, strategy, allocations, map and link calls, walks, entries, lines (non-coherent), syncs, unmap calls, flush-queue entries.</summary>
    public static TheoryData<string, string, int, int, int, int, int, int, int, int> Rows => new()
    {
        { "2M scattered", "per-page", 512, 512, 1536, 512, 1024, 512, 512, 512 },
        { "2M scattered", "iova", 1, 512, 513, 512, 642, 1, 1, 0 },
        { "2M scattered", "iova-filled", 1, 512, 513, 512, 642, 1, 1, 0 },
        { "2M scattered", "iova-runs", 1, 512, 513, 512, 642, 1, 1, 0 },
        { "2M scattered", "scatterlist", 1, 1, 513, 512, 642, 1, 1, 1 },

        { "2M contiguous", "per-page", 512, 512, 1536, 512, 1024, 512, 512, 512 },
        { "2M contiguous", "iova", 1, 512, 513, 512, 642, 1, 1, 0 },
        { "2M contiguous", "iova-filled", 1, 512, 513, 512, 642, 1, 1, 0 },
        { "2M contiguous", "iova-runs", 1, 1, 2, 1, 2, 1, 1, 0 },
        { "2M contiguous", "scatterlist", 1, 1, 2, 1, 2, 1, 1, 1 },

        { "2M contiguous-unaligned", "per-page", 512, 512, 1536, 512, 1024, 512, 512, 512 },
        { "2M contiguous-unaligned", "iova", 1, 512, 513, 512, 642, 1, 1, 0 },
        { "2M contiguous-unaligned", "iova-runs", 1, 1, 2, 512, 194, 1, 1, 0 },
        { "2M contiguous-unaligned", "scatterlist", 1, 1, 2, 512, 194, 1, 1, 1 },

        { "2M runs:8", "per-page", 512, 512, 1536, 512, 1024, 512, 512, 512 },
        { "2M runs:8", "iova", 1, 512, 513, 512, 642, 1, 1, 0 },
        { "2M runs:8", "iova-runs", 1, 64, 65, 512, 194, 1, 1, 0 },
        { "2M runs:8", "scatterlist", 1, 1, 65, 512, 194, 1, 1, 1 },

        { "2M runs:64", "iova-runs", 1, 8, 9, 512, 194, 1, 1, 0 },
        { "2M descending", "iova-runs", 1, 512, 513, 512, 642, 1, 1, 0 },

        { "2M folio", "per-page", 1, 1, 3, 1, 2, 1, 1, 1 },
        { "2M folio", "iova", 1, 1, 2, 1, 2, 1, 1, 0 },
        { "2M folio", "iova-filled", 1, 1, 2, 1, 2, 1, 1, 0 },
        { "2M folio", "iova-runs", 1, 1, 2, 1, 2, 1, 1, 0 },
        { "2M folio", "scatterlist", 1, 1, 2, 1, 2, 1, 1, 1 },

        { "64K scattered", "per-page", 16, 16, 48, 16, 32, 16, 16, 16 },
        { "64K scattered", "iova", 1, 16, 17, 16, 18, 1, 1, 0 },
        { "64K scattered", "iova-filled", 1, 16, 17, 16, 18, 1, 1, 0 },
        { "64K scattered", "iova-runs", 1, 16, 17, 16, 18, 1, 1, 0 },
        { "64K scattered", "scatterlist", 1, 1, 17, 16, 18, 1, 1, 1 },

        { "64K contiguous", "per-page", 16, 16, 48, 16, 32, 16, 16, 16 },
        { "64K contiguous", "iova", 1, 16, 17, 16, 18, 1, 1, 0 },
        { "64K contiguous", "iova-runs", 1, 1, 2, 16, 4, 1, 1, 0 },

        // Hypothetical: collection for migration splits folios between 4K and 2M.
        { "64K folio", "per-page", 1, 1, 3, 16, 4, 1, 1, 1 },
        { "64K folio", "iova", 1, 1, 2, 16, 4, 1, 1, 0 },
        { "64K folio", "iova-filled", 1, 1, 2, 16, 4, 1, 1, 0 },
        { "64K folio", "iova-runs", 1, 1, 2, 16, 4, 1, 1, 0 },

        { "4K scattered", "per-page", 1, 1, 3, 1, 2, 1, 1, 1 },
        { "4K scattered", "iova", 1, 1, 2, 1, 2, 1, 1, 0 },
        { "4K scattered", "iova-runs", 1, 1, 2, 1, 2, 1, 1, 0 },
    };

    [Theory]
    [MemberData(nameof(Rows))]
    public void A_migration_costs_exactly_what_the_table_says(
        string shape, string strategy, int allocs, int calls, int walks, int entries, int lines, int syncs, int unmaps, int queued)
    {
        MigratePage[] pages = Shape(shape);
        foreach (IommuMode mode in new[] { IommuMode.Strict, IommuMode.Lazy })
        {
            foreach (bool coherent in new[] { true, false })
            {
                using MappingFixture fixture = new(new IommuOptions { Mode = mode, CoherentWalker = coherent }, strategy);
                DmaWork work = fixture.MeasureMigration(pages);

                bool perPage = strategy is "per-page";
                bool queues = queued > 0 && mode == IommuMode.Lazy;
                Assert.Equal((ulong)allocs, work.IovaAllocs);
                Assert.Equal((ulong)calls, work.MapAndLinkCalls);
                Assert.Equal(perPage || strategy == "scatterlist" ? (ulong)calls : 0, work.MapCalls);
                Assert.Equal((ulong)walks, work.Walks);
                Assert.Equal(perPage ? (ulong)calls : 0, work.WalksLookup);
                Assert.Equal((ulong)entries, work.PteSet);
                Assert.Equal((ulong)entries, work.PteClear);
                Assert.Equal(entries == 1 && shape[0] == '2' ? 1UL : 0UL, work.Leaf2m);
                Assert.Equal(coherent ? 0 : (ulong)lines, work.LinesFlushed);
                Assert.Equal((ulong)syncs, work.SyncCalls);
                Assert.Equal((ulong)unmaps, work.UnmapCalls + work.UnlinkCalls);
                Assert.Equal(queues ? 0 : (ulong)unmaps, work.InvalStrict);
                Assert.Equal(queues ? (ulong)queued : 0, work.QueueEntries);

                // A queue of 255 makes room with one domain-wide flush: at the 256th and 511th entry of 512.
                Assert.Equal(queues ? (ulong)((queued - 1) / 255) : 0, work.InvalLazyFull);
                Assert.Equal(queues ? (ulong)((queued - 1) / 255 * 255) : (ulong)allocs, work.IovaFree);
                Assert.Equal(0UL, work.SyncHw + work.Errors + work.FallbackSegments + work.BytesCopied);
                Assert.Equal(1UL, work.Segments);
                Assert.Equal(0, fixture.Domain.Misuses.Count);
            }
        }
    }

    [Theory]
    [InlineData("2M scattered", "per-page", 0)]
    [InlineData("2M scattered", "iova", 1)]
    [InlineData("2M contiguous", "iova-runs", 0)]
    [InlineData("2M contiguous-unaligned", "iova-runs", 1)]
    [InlineData("2M folio", "iova", 0)]
    [InlineData("64K scattered", "iova", 0)]
    public void Only_a_whole_unlink_of_4K_leaves_frees_its_table(string shape, string strategy, int tables)
    {
        using MappingFixture fixture = new(new IommuOptions { Mode = IommuMode.Strict, CoherentWalker = false }, strategy);
        DmaWork work = fixture.MeasureMigration(Shape(shape));
        Assert.Equal((ulong)tables, work.TableAlloc);
        Assert.Equal((ulong)tables, work.TableFree);
    }

    [Theory]
    [InlineData("2M scattered", "per-page", 0, 1024)]
    [InlineData("2M scattered", "iova", 1, 516)]
    [InlineData("2M runs:8", "iova-runs", 1, 68)]
    [InlineData("64K scattered", "iova", 0, 17)]
    public void Flush_calls_are_one_a_link_two_a_new_table_and_one_a_changed_table(string shape, string strategy, int tables, int calls)
    {
        _ = tables;
        using MappingFixture fixture = new(new IommuOptions { Mode = IommuMode.Strict, CoherentWalker = false }, strategy);
        Assert.Equal((ulong)calls, fixture.MeasureMigration(Shape(shape)).FlushCalls);
    }

    [Theory]
    [InlineData("2M scattered", "per-page", 3, 512 + (512 * 3))]
    [InlineData("2M scattered", "per-page", 4, 512 + (512 * 4))]
    [InlineData("2M scattered", "per-page", 5, 512 + (512 * 5))]
    [InlineData("64K scattered", "per-page", 4, 16 + (16 * 4))]
    [InlineData("2M scattered", "iova", 4, 642 + 2)]
    [InlineData("64K scattered", "iova", 4, 18 + 3)]
    public void The_flush_regression_adds_a_line_for_each_level_that_an_unmap_only_passes(
        string shape, string strategy, int levels, int lines)
    {
        IommuOptions options = new() { Mode = IommuMode.Strict, CoherentWalker = false, FlushRegression = true, Levels = levels };
        using MappingFixture fixture = new(options, strategy);
        DmaWork work = fixture.MeasureMigration(Shape(shape));
        Assert.Equal((ulong)lines, work.LinesFlushed);
    }

    [Theory]
    [InlineData("per-page")]
    [InlineData("iova")]
    [InlineData("iova-runs")]
    [InlineData("iova-filled")]
    [InlineData("scatterlist")]
    public void The_flush_regression_costs_nothing_on_a_coherent_walker(string strategy)
    {
        IommuOptions options = new() { Mode = IommuMode.Strict, FlushRegression = true };
        using MappingFixture fixture = new(options, strategy);
        DmaWork work = fixture.MeasureMigration(Shape("2M scattered"));
        Assert.Equal(0UL, work.LinesFlushed + work.FlushCalls);
    }

    [Theory]
    [InlineData("per-page", 512, 512)]
    [InlineData("iova", 1, 1)]
    [InlineData("iova-runs", 1, 1)]
    [InlineData("iova-filled", 1, 1)]
    [InlineData("scatterlist", 1, 1)]
    public void Caching_mode_forces_strict_and_adds_an_invalidation_for_each_sync(string strategy, int syncs, int invalidations)
    {
        using MappingFixture fixture = new(new IommuOptions { Mode = IommuMode.Lazy, CachingMode = true }, strategy);
        Assert.Equal(IommuMode.Strict, fixture.Domain.Mode);
        fixture.MeasureMigration(Shape("2M scattered"));
        long before = fixture.Domain.Invalidations.Submissions;
        DmaWork work = fixture.MeasureMigration(Shape("2M scattered"));
        Assert.Equal((ulong)syncs, work.SyncHw);
        Assert.Equal((ulong)invalidations, work.InvalStrict);
        Assert.Equal(3 * (syncs + invalidations), fixture.Domain.Invalidations.Submissions - before);
    }

    [Fact]
    public void Caching_mode_with_first_stage_translation_asks_for_nothing()
    {
        IommuOptions options = new() { Mode = IommuMode.Lazy, CachingMode = true, FirstStage = true };
        using MappingFixture fixture = new(options, "iova");
        Assert.Equal(IommuMode.Lazy, fixture.Domain.Mode);
        Assert.Equal(0UL, fixture.MeasureMigration(Shape("2M scattered")).SyncHw);
    }

    [Theory]
    [InlineData("per-page", 512)]
    [InlineData("iova", 1)]
    [InlineData("iova-runs", 1)]
    public void Write_buffer_flushes_are_one_a_sync(string strategy, int syncs)
    {
        using MappingFixture fixture = new(new IommuOptions { Mode = IommuMode.Lazy, WriteBufferFlush = true }, strategy);
        Assert.Equal((ulong)syncs, fixture.MeasureMigration(Shape("2M scattered")).SyncHw);
        Assert.Equal(IommuMode.Lazy, fixture.Domain.Mode);
    }

    [Theory]
    [InlineData(IommuMode.Off)]
    [InlineData(IommuMode.Passthrough)]
    public void Without_translation_all_strategies_do_the_same_calls_and_nothing_else(IommuMode mode)
    {
        DmaWork expected = default;
        expected.MapCalls = 512;
        expected.UnmapCalls = 512;
        expected.Segments = 1;
        foreach (MappingStrategy strategy in MappingStrategy.All)
        {
            using MappingFixture fixture = new(new IommuOptions { Mode = mode }, strategy.Name);
            Assert.Equal(expected, fixture.MeasureMigration(Shape("2M scattered")));
        }
    }

    [Theory]
    [InlineData("2M", 512, 0)]
    [InlineData("64K", 16, 0)]
    [InlineData("4K", 1, 0)]
    public void Single_pages_and_small_ranges_come_from_magazines_and_2M_blocks_from_the_tree(string size, int magazine, int tree)
    {
        using MappingFixture perPage = new(new IommuOptions { Mode = IommuMode.Strict }, "per-page");
        DmaWork work = perPage.MeasureMigration(Shape(size + " scattered"));
        Assert.Equal(((ulong)magazine, (ulong)tree), (work.IovaAllocMagazine, work.IovaAllocTree));

        using MappingFixture iova = new(new IommuOptions { Mode = IommuMode.Strict }, "iova");
        work = iova.MeasureMigration(Shape(size + " scattered"));
        bool cached = size != "2M";
        Assert.Equal((cached ? 1UL : 0UL, cached ? 0UL : 1UL), (work.IovaAllocMagazine, work.IovaAllocTree));
    }

    [Theory]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    public void Cold_tables_cost_one_table_a_level_and_65_lines_each(int levels)
    {
        IommuOptions options = new() { Mode = IommuMode.Strict, CoherentWalker = false, Levels = levels };
        using MappingFixture fixture = new(options, "iova");
        Assert.Equal(0, fixture.MapMigrate(Shape("2M scattered")));
        DmaWork work = fixture.TakeWork();
        Assert.Equal((ulong)(levels - 1), work.TableAlloc);
        Assert.Equal((ulong)(512 + (65 * (levels - 1))), work.LinesFlushed);
    }

    [Theory]
    [InlineData("per-page", 512)]
    [InlineData("iova", 1)]
    [InlineData("iova-runs", 1)]
    [InlineData("iova-filled", 1)]
    [InlineData("scatterlist", 1)]
    public void Get_pages_of_a_range_in_system_memory_costs_what_a_migration_costs(string strategy, int allocs)
    {
        MigratePage[] pages = Shape("2M scattered");
        using MappingFixture fixture = new(new IommuOptions { Mode = IommuMode.Strict, CoherentWalker = false }, strategy);
        DmaWork migration = fixture.MeasureMigration(pages);
        Assert.Equal(0, fixture.MapRange(pages));
        fixture.UnmapRange(pages);
        DmaWork range = fixture.TakeWork();
        Assert.Equal((ulong)allocs, range.IovaAllocs);
        Assert.Equal(migration, range);
    }

    [Fact]
    public void Get_pages_of_a_range_that_is_on_the_device_costs_nothing()
    {
        MigratePage[] pages = [PageShapes.Device(9)];
        foreach (MappingStrategy strategy in MappingStrategy.All)
        {
            using MappingFixture fixture = new(new IommuOptions { Mode = IommuMode.Strict }, strategy.Name);
            Assert.Equal(0, fixture.MapRange(pages));
            fixture.UnmapRange(pages);
            Assert.Equal(default, fixture.TakeWork());
            Assert.Equal(DeviceAddressKind.Vram, fixture.Addresses[0].Kind);
        }
    }

    [Fact]
    public void The_timer_makes_up_for_what_lazy_mode_put_off()
    {
        using MappingFixture fixture = new(new IommuOptions { Mode = IommuMode.Lazy }, "per-page");
        MigratePage[] pages = Shape("2M scattered");
        Assert.Equal(0, fixture.MapMigrate(pages));
        fixture.UnmapMigrate(pages);
        DmaWork now = fixture.TakeWork();
        fixture.Domain.RunFlushTimer();
        DmaWork later = fixture.Counters.Read(DmaPurpose.Deferred);
        Assert.Equal((2UL, 1UL), (now.InvalLazyFull, later.InvalLazyFull));
        Assert.Equal((510UL, 2UL), (now.IovaFree, later.IovaFree));
    }

    internal static MigratePage[] Shape(string shape)
    {
        int space = shape.IndexOf(' ', StringComparison.Ordinal);
        int count = shape[..space] switch { "2M" => 512, "64K" => 16, _ => 1 };
        string layout = shape[(space + 1)..];
        return layout == "folio"
            ? PageShapes.Folio((byte)int.Log2(count))
            : PageShapes.Pages(count, layout);
    }
}
