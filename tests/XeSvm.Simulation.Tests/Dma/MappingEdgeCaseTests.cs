using XeSvm.Simulation.Cost;
using XeSvm.Simulation.Dma;
using XeSvm.Simulation.Iommu;
using static XeSvm.Simulation.Tests.Dma.MappingAssert;

namespace XeSvm.Simulation.Tests.Dma;

/// <summary>Edge cases of page arrays, on every strategy and in both translating modes.</summary>
public class MappingEdgeCaseTests
{
    private const ulong Page = 4096;

    public static TheoryData<string> Strategies => [.. MappingStrategy.All.ToArray().Select(strategy => strategy.Name)];

    public static TheoryData<string> IovaStrategies => ["iova", "iova-runs", "iova-filled"];

    public static TheoryData<string, string> HoleShapes
    {
        get
        {
            TheoryData<string, string> data = [];
            foreach (MappingStrategy strategy in MappingStrategy.All)
            {
                foreach (string shape in new[] { ".SSSSSSS", "SSSSSSS.", ".S.S.S.S", "S.S.S.S.", ".......S", "...SS...", "S......." })
                {
                    data.Add(strategy.Name, shape);
                }
            }

            return data;
        }
    }

    // 1. Holes.
    [Theory]
    [MemberData(nameof(HoleShapes))]
    public void Holes_are_never_reachable_and_the_linked_pages_are_exactly_those_of_the_array(string strategy, string shape)
    {
        MigratePage[] pages = Shape(shape);
        ulong count = (ulong)shape.Count(c => c == 'S');
        ForEachMode(strategy, fixture =>
        {
            Assert.Equal(0, fixture.MapMigrate(pages));
            Dictionary<ulong, ulong> leaves = Leaves(fixture.Domain);
            Assert.Equal(Physicals(pages), [.. leaves.Values.Distinct().Order()]);
            AssertAddressesReachTheirPages(fixture, pages);
            DmaWork map = fixture.TakeWork();
            bool filled = strategy == "iova-filled";
            Assert.Equal(filled ? (ulong)shape.Length : count, map.PteSet);
            Assert.Equal(strategy == "per-page" ? count : 1, map.IovaAllocs);
            Assert.Equal(strategy == "per-page" ? count : 1, map.SyncCalls);
            if (strategy is not "per-page" and not "scatterlist")
            {
                Assert.Equal((ulong)shape.Length * Page, fixture.Mapping.Iova.Size);
                Assert.Equal((filled ? (ulong)shape.Length : count) * Page, fixture.Mapping.Offset);
            }

            fixture.UnmapMigrate(pages);
            AssertNothingLeft(fixture);
        });
    }

    [Theory]
    [MemberData(nameof(Strategies))]
    public void An_array_of_holes_costs_nothing_at_all(string strategy) => ForEachMode(strategy, fixture =>
    {
        MigratePage[] pages = new MigratePage[512];
        Assert.Equal(0, fixture.MapMigrate(pages));
        fixture.UnmapMigrate(pages);
        Assert.Equal(default, fixture.TakeWork());
        AssertNothingLeft(fixture);
    });

    [Theory]
    [MemberData(nameof(Strategies))]
    public void An_empty_array_costs_nothing_at_all(string strategy) => ForEachMode(strategy, fixture =>
    {
        Assert.Equal(0, fixture.MapMigrate([]));
        fixture.UnmapMigrate([]);
        Assert.Equal(0, fixture.MapRange([]));
        fixture.UnmapRange([]);
        Assert.Equal(default, fixture.TakeWork());
    });

    // 2. Mixed arrays are cut into segments by their source; each system segment is mapped for itself.
    [Theory]
    [MemberData(nameof(Strategies))]
    public void Each_system_segment_has_a_reservation_of_its_own_and_device_pages_are_skipped(string strategy) =>
        ForEachMode(strategy, fixture =>
        {
            MigratePage[] pages = Shape("SSDDS");
            DeviceAddress[] addresses = new DeviceAddress[5];
            DmaMapping first = default;
            DmaMapping second = default;
            MappingStrategy mapper = fixture.Strategy;
            Assert.Equal(0, mapper.MapMigrate(fixture.Device, pages.AsSpan(0, 2), DmaDirection.ToDevice, addresses.AsSpan(0, 2), ref first, ref fixture.Work));
            Assert.Equal(0, mapper.MapMigrate(fixture.Device, pages.AsSpan(4, 1), DmaDirection.ToDevice, addresses.AsSpan(4, 1), ref second, ref fixture.Work));
            Assert.Equal(2UL, fixture.Work.Segments);
            Assert.Equal(strategy == "per-page" ? 3UL : 2UL, fixture.Work.IovaAllocs);
            Assert.Equal(DeviceAddressKind.None, addresses[2].Kind);
            mapper.UnmapMigrate(fixture.Device, pages.AsSpan(0, 2), addresses.AsSpan(0, 2), DmaDirection.ToDevice, ref first, ref fixture.Work);
            mapper.UnmapMigrate(fixture.Device, pages.AsSpan(4, 1), addresses.AsSpan(4, 1), DmaDirection.ToDevice, ref second, ref fixture.Work);
            AssertNothingLeft(fixture);
        });

    // 3. Mixed ranges of get_pages.
    [Theory]
    [MemberData(nameof(IovaStrategies))]
    public void A_range_that_begins_with_a_device_page_maps_its_system_pages_one_by_one(string strategy) =>
        ForEachMode(strategy, fixture =>
        {
            MigratePage[] pages = Shape("DSSDS");
            Assert.Equal(0, fixture.MapRange(pages));
            DmaWork work = fixture.TakeWork();
            Assert.Equal((3UL, 0UL), (work.MapCalls, work.LinkCalls));
            Assert.False(fixture.Mapping.Iova.IsLive);
            Assert.Equal(0UL, work.FallbackSegments);
            AssertAddressesReachTheirPages(fixture, pages);
            fixture.UnmapRange(pages);
            AssertNothingLeft(fixture);
        });

    [Theory]
    [MemberData(nameof(IovaStrategies))]
    public void A_range_that_begins_with_a_system_page_links_and_leaves_device_pages_alone(string strategy) =>
        ForEachMode(strategy, fixture =>
        {
            MigratePage[] pages = Shape("SSDSD");
            Assert.Equal(0, fixture.MapRange(pages));
            Assert.Equal(5 * Page, fixture.Mapping.Iova.Size);
            Assert.Equal((strategy == "iova-filled" ? 5UL : 3UL) * Page, fixture.Mapping.Offset);
            Assert.Equal(1UL, fixture.Work.SyncCalls);
            AssertAddressesReachTheirPages(fixture, pages);
            fixture.UnmapRange(pages);
            Assert.Equal(DeviceAddressKind.Vram, fixture.Addresses[2].Kind);
            AssertNothingLeft(fixture);
        });

    [Theory]
    [MemberData(nameof(Strategies))]
    public void A_mixed_range_of_large_pieces_reaches_the_right_pages_and_unmaps_to_nothing(string strategy) =>
        ForEachMode(strategy, fixture =>
        {
            MigratePage[] pages =
            [
                PageShapes.System(PageShapes.Base, 9),
                PageShapes.Device(9),
                PageShapes.System(PageShapes.Base + (4 << 20) + Page),
                PageShapes.Device(),
                PageShapes.System(PageShapes.Base + (8 << 20), 4),
            ];
            Assert.Equal(0, fixture.MapRange(pages));
            AssertAddressesReachTheirPages(fixture, pages);
            Assert.Equal(Physicals(pages), [.. Leaves(fixture.Domain).Values.Distinct().Order()]);
            fixture.UnmapRange(pages);
            AssertNothingLeft(fixture);
        });

    // 4. Link failure at page k.
    [Theory]
    [MemberData(nameof(IovaStrategies))]
    public void A_link_that_fails_at_any_page_leaves_nothing_mapped(string strategy) => ForEachMode(strategy, fixture =>
    {
        MigratePage[] pages = Shape("S.SS.SSS");
        long links = strategy == "iova-filled" ? 8 : 6;
        for (long k = 0; k < links; k++)
        {
            fixture.Injection.FailAfter(FaultPoint.Link, k);
            Assert.Equal(-Errno.ENOMEM, fixture.MapMigrate(pages));
            Assert.Equal((ulong)k * Page, fixture.Mapping.Offset);
            Assert.Equal((int)k, Leaves(fixture.Domain).Count);
            DmaWork map = fixture.TakeWork();
            fixture.UnmapMigrate(pages);
            DmaWork unmap = fixture.TakeWork();
            Assert.Equal((map.PteSet, map.IovaAllocs), (unmap.PteClear, unmap.IovaFree));
            Assert.Equal(k == 0 ? 0UL : 1UL, unmap.UnlinkCalls);
            Assert.Equal(k == 0 ? 0UL : 1UL, unmap.InvalStrict);
            Assert.Equal((1UL, 0UL), (map.Errors, map.SyncCalls));
            AssertNothingLeft(fixture);
        }
    });

    [Theory]
    [MemberData(nameof(IovaStrategies))]
    public void A_get_pages_link_that_fails_at_any_piece_leaves_nothing_mapped(string strategy) => ForEachMode(strategy, fixture =>
    {
        MigratePage[] pages = Shape("SSDSDS");
        long links = strategy == "iova-filled" ? 6 : 4;
        for (long k = 0; k < links; k++)
        {
            fixture.Injection.FailAfter(FaultPoint.Link, k);
            Assert.Equal(-Errno.ENOMEM, fixture.MapRange(pages));
            fixture.UnmapRange(pages);
            AssertNothingLeft(fixture);
        }
    });

    [Theory]
    [InlineData("iova", 512)]
    [InlineData("iova-runs", 64)]
    public void Without_memory_for_a_leaf_table_the_migration_fails_cleanly_and_works_again_later(string strategy, int links)
    {
        // Root, two upper tables, and no leaf table: the first link of a cold domain fails with three of four.
        MigratePage[] pages = OperationCountTests.Shape("2M runs:8");
        using MappingFixture starved = new(new IommuOptions { Mode = IommuMode.Strict, MaxTables = 3 }, strategy);
        Assert.Equal(-Errno.ENOMEM, starved.MapMigrate(pages));
        starved.UnmapMigrate(pages);
        AssertNothingLeft(starved);

        using MappingFixture fed = new(new IommuOptions { Mode = IommuMode.Strict, MaxTables = 4 }, strategy);
        for (int i = 0; i < 10; i++)
        {
            Assert.Equal(0, fed.MapMigrate(pages));
            Assert.Equal((ulong)links, fed.Work.LinkCalls);
            fed.UnmapMigrate(pages);
            fed.Work = default;
        }

        Assert.Equal(3, fed.Domain.Table.Tables);
    }

    [Fact]
    public void A_run_that_crosses_into_a_block_without_table_memory_takes_its_own_part_back()
    {
        // 1024 contiguous pages at an odd place: two leaf tables, and memory for one.
        MigratePage[] pages = new MigratePage[1024];
        for (int i = 0; i < pages.Length; i++)
        {
            pages[i] = PageShapes.System(PageShapes.Base + Page + ((ulong)i * Page));
        }

        using MappingFixture fixture = new(new IommuOptions { Mode = IommuMode.Strict, MaxTables = 4 }, "iova-runs");
        Assert.Equal(-Errno.ENOMEM, fixture.MapMigrate(pages));
        Assert.Equal((512UL, 512UL, 1UL), (fixture.Work.PteSet, fixture.Work.PteClear, fixture.Work.InvalStrict));
        Assert.Equal(0UL, fixture.Mapping.Offset);
        fixture.UnmapMigrate(pages);
        AssertNothingLeft(fixture);
    }

    // 5. Map failure at page k in fallback mode, with the page array cleared before the unmap.
    [Theory]
    [MemberData(nameof(Strategies))]
    public void In_fallback_a_map_that_fails_at_any_page_leaves_nothing_mapped_though_the_pages_are_gone(string strategy) =>
        ForEachMode(strategy, fixture =>
        {
            if (strategy == "scatterlist")
            {
                return;
            }

            for (long k = 0; k < 8; k++)
            {
                MigratePage[] pages = Shape("SSSSSSSS");
                fixture.Injection.FailAfter(FaultPoint.IovaAllocation, 0, 100);
                fixture.Injection.FailAfter(FaultPoint.Map, k);
                Assert.Equal(-Errno.EFAULT, fixture.MapMigrate(pages));
                Assert.Equal((int)k, Leaves(fixture.Domain).Count);
                Array.Clear(pages);
                fixture.UnmapMigrate(pages);
                AssertNothingLeft(fixture);
            }
        });

    // 6. try_alloc failure.
    [Theory]
    [MemberData(nameof(IovaStrategies))]
    public void A_refused_reservation_is_tried_once_a_segment_and_the_whole_segment_goes_page_by_page(string strategy) =>
        ForEachMode(strategy, fixture =>
        {
            MigratePage[] pages = Shape(".SSSSSSS");
            fixture.Injection.FailAfter(FaultPoint.IovaAllocation, 0);
            Assert.Equal(0, fixture.MapMigrate(pages));
            DmaWork work = fixture.TakeWork();
            Assert.Equal((7UL, 0UL, 1UL), (work.MapCalls, work.LinkCalls, work.FallbackSegments));
            AssertAddressesReachTheirPages(fixture, pages);
            fixture.UnmapMigrate(pages);
            AssertNothingLeft(fixture);

            // The next segment may have one again.
            fixture.Work = default;
            Assert.Equal(0, fixture.MapMigrate(pages));
            Assert.Equal((0UL, 0UL), (fixture.Work.MapCalls, fixture.Work.FallbackSegments));
            fixture.UnmapMigrate(pages);
        });

    [Fact]
    public void When_the_address_space_is_full_segments_fall_back_until_something_is_freed()
    {
        // 32 bits hold at most 2048 blocks of 2 MiB, less the first page and the interrupt window: 2046.
        using MappingFixture fixture = new(new IommuOptions { Mode = IommuMode.Strict }, "iova", addressBits: 32);
        List<IovaState> taken = [];
        for (IovaState state = default; fixture.Device.TryAllocIova(ref state, 0, 2 << 20, ref fixture.Work); state = default)
        {
            taken.Add(state);
        }

        Assert.Equal(2046, taken.Count);
        MigratePage[] pages = OperationCountTests.Shape("2M scattered");
        fixture.Work = default;
        Assert.Equal(0, fixture.MapMigrate(pages));
        Assert.Equal((1UL, 512UL), (fixture.Work.FallbackSegments, fixture.Work.MapCalls));
        fixture.UnmapMigrate(pages);

        IovaState first = taken[0];
        Assert.Equal(0, fixture.Device.Free(ref first, ref fixture.Work));
        fixture.Work = default;
        Assert.Equal(0, fixture.MapMigrate(pages));
        Assert.Equal((0UL, 512UL), (fixture.Work.FallbackSegments, fixture.Work.LinkCalls));
        fixture.UnmapMigrate(pages);
    }

    // 7. Sync failure.
    [Theory]
    [MemberData(nameof(IovaStrategies))]
    public void A_failed_sync_unwinds_everything(string strategy) => ForEachMode(strategy, fixture =>
    {
        MigratePage[] pages = Shape("SS.SSSSS");
        fixture.Injection.FailAfter(FaultPoint.Sync, 0);
        Assert.Equal(-Errno.EIO, fixture.MapMigrate(pages));
        fixture.UnmapMigrate(pages);
        AssertNothingLeft(fixture);
    });

    // 14. A second unmap.
    [Theory]
    [MemberData(nameof(Strategies))]
    public void A_second_unmap_does_nothing(string strategy) => ForEachMode(strategy, fixture =>
    {
        MigratePage[] pages = Shape("SSSS");
        Assert.Equal(0, fixture.MapMigrate(pages));
        fixture.UnmapMigrate(pages);
        fixture.Work = default;
        fixture.UnmapMigrate(pages);
        Assert.Equal(default, fixture.Work);
        Assert.Equal(0, fixture.MapRange(pages));
        fixture.UnmapRange(pages);
        fixture.Work = default;
        fixture.UnmapRange(pages);
        Assert.Equal(default, fixture.Work);
        Assert.Equal(0, fixture.Domain.Misuses.Count);
    });

    // 15. Invalidation after the map: what the notifier unmaps, the next get_pages maps anew.
    [Theory]
    [MemberData(nameof(Strategies))]
    public void After_an_invalidation_the_next_get_pages_maps_other_pages_at_a_fresh_mapping(string strategy) =>
        ForEachMode(strategy, fixture =>
        {
            MigratePage[] before = Shape("SSSS");
            MigratePage[] after = [.. before.Select(page => PageShapes.System(page.Physical + (32 << 20)))];
            Assert.Equal(0, fixture.MapRange(before));
            AssertAddressesReachTheirPages(fixture, before);
            ulong old = fixture.Addresses[0].Value;
            fixture.UnmapRange(before);
            Assert.Equal(-Errno.EFAULT, fixture.Device.Translate(old, write: false, out _));
            fixture.Domain.RunFlushTimer();
            Assert.Equal(0, fixture.MapRange(after));
            AssertAddressesReachTheirPages(fixture, after);
            fixture.UnmapRange(after);
            AssertNothingLeft(fixture);
        });

    [Theory]
    [MemberData(nameof(Strategies))]
    public void Mapping_and_unmapping_allocate_nothing_on_the_managed_heap(string strategy) => ForEachMode(strategy, fixture =>
    {
        MigratePage[] pages = OperationCountTests.Shape("2M scattered");
        DeviceAddress[] addresses = new DeviceAddress[512];
        long allocated = -1;
        for (int round = 0; round < 40; round++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            DmaMapping mapping = default;
            fixture.Strategy.MapMigrate(fixture.Device, pages, DmaDirection.ToDevice, addresses, ref mapping, ref fixture.Work);
            fixture.Device.Translate(addresses[3].Value, write: false, out _);
            fixture.Strategy.UnmapMigrate(fixture.Device, pages, addresses, DmaDirection.ToDevice, ref mapping, ref fixture.Work);
            fixture.Strategy.MapRange(fixture.Device, pages, DmaDirection.ToDevice, addresses, ref mapping, ref fixture.Work);
            fixture.Strategy.UnmapRange(fixture.Device, pages, addresses, DmaDirection.ToDevice, ref mapping, ref fixture.Work);
            fixture.Domain.RunFlushTimer();
            allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        }

        Assert.Equal(0, allocated);
    });
}
