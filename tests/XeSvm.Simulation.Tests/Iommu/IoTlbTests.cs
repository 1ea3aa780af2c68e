using XeSvm.Simulation.Iommu;

namespace XeSvm.Simulation.Tests.Iommu;

public class IoTlbTests
{
    private const ulong Page = 4096;

    private readonly IoTlb _tlb = new(64);

    [Fact]
    public void An_entry_is_found_until_its_page_is_invalidated()
    {
        Add(5 * Page, 0xabc003, 1);
        Assert.True(_tlb.TryGet((5 * Page) + 17, out ulong entry, out int level));
        Assert.Equal((0xabc003UL, 1), (entry, level));
        Assert.False(_tlb.TryGet(6 * Page, out _, out _));
        _tlb.Invalidate(4, 1);
        Assert.True(_tlb.TryGet(5 * Page, out _, out _));
        _tlb.Invalidate(4, 2);
        Assert.False(_tlb.TryGet(5 * Page, out _, out _));
    }

    [Fact]
    public void A_large_entry_serves_its_whole_block_and_goes_with_any_page_of_it()
    {
        Add(3UL << 21, 0x80_0083, 2);
        Assert.True(_tlb.TryGet((3UL << 21) + (2UL << 20) - 1, out _, out int level));
        Assert.Equal(2, level);
        _tlb.Invalidate((3UL << 9) + 100, 1);
        Assert.False(_tlb.TryGet(3UL << 21, out _, out _));
    }

    [Fact]
    public void An_entry_in_the_same_place_takes_over()
    {
        Add(1 * Page, 0x1003, 1);
        Add(65 * Page, 0x2003, 1);
        Assert.False(_tlb.TryGet(1 * Page, out _, out _));
        Assert.True(_tlb.TryGet(65 * Page, out ulong entry, out _));
        Assert.Equal(0x2003UL, entry);
    }

    [Fact]
    public void A_wide_invalidation_drops_everything()
    {
        Add(1 * Page, 0x1003, 1);
        Add(1UL << 40, 0x2003, 1);
        _tlb.Invalidate(0, 64);
        Assert.False(_tlb.TryGet(1 * Page, out _, out _));
        Assert.False(_tlb.TryGet(1UL << 40, out _, out _));
    }

    [Fact]
    public void A_walk_that_an_invalidation_overtook_is_not_cached()
    {
        long generation = _tlb.Generation;
        _tlb.Invalidate(999, 1);
        Assert.False(_tlb.TryAdd(Page, 0x1003, 1, generation));
        Assert.False(_tlb.TryGet(Page, out _, out _));
        Assert.True(_tlb.TryAdd(Page, 0x1003, 1, _tlb.Generation));
    }

    [Fact]
    public void Invalidation_descriptors_are_two_a_submission_and_the_ring_goes_round()
    {
        InvalidationQueue queue = new(_tlb);
        for (int i = 0; i < 500; i++)
        {
            Add((ulong)(i + 1) * Page, 0x1003, 1);
            queue.FlushPages((ulong)(i + 1), 0, leafOnly: true);
            Assert.False(_tlb.TryGet((ulong)(i + 1) * Page, out _, out _));
        }

        Add(8 * Page, 0x1003, 1);
        Add(15 * Page, 0x2003, 1);
        Add(16 * Page, 0x3003, 1);
        queue.FlushPages(8, 3, leafOnly: false);
        Assert.False(_tlb.TryGet(15 * Page, out _, out _));
        Assert.True(_tlb.TryGet(16 * Page, out _, out _));
        queue.FlushDomain();
        Assert.False(_tlb.TryGet(16 * Page, out _, out _));
        Assert.Equal((502L, 1004L), (queue.Submissions, queue.Descriptors));
    }

    private void Add(ulong address, ulong entry, int level) => Assert.True(_tlb.TryAdd(address, entry, level, _tlb.Generation));
}
