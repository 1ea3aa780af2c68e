using XeSvm.Simulation.Dma;
using XeSvm.Simulation.Iommu;
using static XeSvm.Simulation.Tests.Dma.MappingAssert;

namespace XeSvm.Simulation.Tests.Dma;

/// <summary>Edge case 10: folios of order above 0 in page arrays, on every strategy and in both translating modes.</summary>
public class MappingFolioTests
{
    private const ulong Page = 4096;

    public static TheoryData<string> Strategies => MappingEdgeCaseTests.Strategies;

    [Theory]
    [MemberData(nameof(Strategies))]
    public void A_folio_may_stand_first_in_the_middle_or_last(string strategy)
    {
        foreach (int at in new[] { 0, 256, 512 })
        {
            ForEachMode(strategy, fixture =>
            {
                MigratePage[] pages = new MigratePage[1024];
                for (int i = 0; i < pages.Length; i++)
                {
                    pages[i] = PageShapes.System(PageShapes.Base + ((ulong)i * 3 * Page));
                }

                PageShapes.PutFolio(pages, at, 9, PageShapes.Base + (64 << 20));
                Assert.Equal(0, fixture.MapMigrate(pages));
                Assert.Equal(9, fixture.Addresses[at].Order);
                AssertAddressesReachTheirPages(fixture, pages);

                // In an IOVA reservation the folio keeps a 2 MiB leaf only where the pages before it leave it aligned.
                Assert.Equal(strategy == "per-page" || at % 512 == 0 ? 1UL : 0UL, fixture.Work.Leaf2m);
                fixture.UnmapMigrate(pages);
                AssertNothingLeft(fixture);
            });
        }
    }

    [Fact]
    public void A_hole_in_front_of_a_folio_costs_the_packed_form_its_2M_leaf_and_the_filled_form_nothing()
    {
        // Slots 0 to 511: one page, then holes; slot 512: a folio.
        MigratePage[] pages = new MigratePage[1024];
        pages[0] = PageShapes.System(PageShapes.Base);
        PageShapes.PutFolio(pages, 512, 9, PageShapes.Base + (64 << 20));
        foreach ((string strategy, ulong leaves) in new[] { ("iova", 0UL), ("iova-runs", 0UL), ("iova-filled", 1UL), ("per-page", 1UL) })
        {
            using MappingFixture fixture = new(new IommuOptions { Mode = IommuMode.Strict }, strategy);
            Assert.Equal(0, fixture.MapMigrate(pages));
            Assert.Equal(leaves, fixture.Work.Leaf2m);
            AssertAddressesReachTheirPages(fixture, pages);
            fixture.UnmapMigrate(pages);
            AssertNothingLeft(fixture);
        }
    }

    [Theory]
    [MemberData(nameof(Strategies))]
    public void A_folio_that_follows_a_run_physically_joins_it_whatever_the_orders(string strategy) => ForEachMode(strategy, fixture =>
    {
        // 512 pages up to 2 MiB, the folio behind them, and a page behind that: one run of 1025 pages.
        MigratePage[] pages = new MigratePage[1025];
        for (int i = 0; i < 512; i++)
        {
            pages[i] = PageShapes.System(PageShapes.Base + ((ulong)i * Page));
        }

        PageShapes.PutFolio(pages, 512, 9, PageShapes.Base + (2 << 20));
        pages[1024] = PageShapes.System(PageShapes.Base + (4 << 20));
        Assert.Equal(0, fixture.MapMigrate(pages));
        AssertAddressesReachTheirPages(fixture, pages);
        if (strategy == "iova-runs")
        {
            // One link; two leaves of 2 MiB, then a walk of its own for the last page.
            Assert.Equal((1UL, 2UL, 3UL, 2UL), (fixture.Work.LinkCalls, fixture.Work.Leaf2m, fixture.Work.PteSet, fixture.Work.WalksMap));
        }

        fixture.UnmapMigrate(pages);
        AssertNothingLeft(fixture);
    });

    [Theory]
    [MemberData(nameof(Strategies))]
    public void A_folio_at_the_end_that_breaks_a_run_is_linked_once(string strategy) => ForEachMode(strategy, fixture =>
    {
        MigratePage[] pages = new MigratePage[8 + 16];
        for (int i = 0; i < 8; i++)
        {
            pages[i] = PageShapes.System(PageShapes.Base + ((ulong)i * Page));
        }

        PageShapes.PutFolio(pages, 8, 4, PageShapes.Base + (1 << 20));
        Assert.Equal(0, fixture.MapMigrate(pages));
        Assert.Equal(24UL, fixture.Work.PteSet);
        Assert.Equal(4, fixture.Addresses[8].Order);
        Assert.Equal(DeviceAddressKind.None, fixture.Addresses[9].Kind);
        AssertAddressesReachTheirPages(fixture, pages);
        fixture.UnmapMigrate(pages);
        AssertNothingLeft(fixture);
    });

    [Theory]
    [MemberData(nameof(Strategies))]
    public void A_demoted_folio_has_512_destinations_of_order_0(string strategy) => ForEachMode(strategy, fixture =>
    {
        // Back to RAM without a free folio: the device's folio has single pages opposite, written by the device.
        MigratePage[] pages = OperationCountTests.Shape("2M scattered");
        Assert.Equal(0, fixture.MapMigrate(pages, DmaDirection.FromDevice));
        Assert.Equal(512UL, fixture.Work.PteSet);
        Assert.Equal(0, fixture.Device.Translate(fixture.Addresses[511].Value, write: true, out ulong physical));
        Assert.Equal(pages[511].Physical, physical);
        Assert.Equal(-Errno.EFAULT, fixture.Device.Translate(fixture.Addresses[510].Value, write: false, out _));
        fixture.UnmapMigrate(pages, DmaDirection.FromDevice);
        AssertNothingLeft(fixture);
    });
}
