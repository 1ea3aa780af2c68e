using System.Numerics;
using XeSvm.Simulation.Cost;
using XeSvm.Simulation.Iommu;
using Xunit.Abstractions;

namespace XeSvm.Simulation.Tests.Iommu;

public class IovaAllocatorTests(ITestOutputHelper output)
{
    private const ulong Below4G = IovaAllocator.Page4G - 1;

    private DmaWork _work;

    [Theory]
    [InlineData(1, 1)]
    [InlineData(3, 4)]
    [InlineData(31, 32)]
    [InlineData(32, 32)]
    [InlineData(33, 33)]
    [InlineData(512, 512)]
    public void Sizes_below_32_pages_are_rounded_up_to_a_power_of_two(ulong pages, ulong taken)
    {
        using IovaAllocator allocator = Allocator();
        ulong before = allocator.TreePages;
        ulong page = Allocate(allocator, pages);
        Assert.Equal(taken, allocator.TreePages - before);
        Assert.Equal(0UL, page % BitOperations.RoundUpToPowerOf2(pages));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(16)]
    [InlineData(32)]
    public void A_freed_block_of_up_to_32_pages_comes_back_from_the_magazine(ulong pages)
    {
        using IovaAllocator allocator = Allocator();
        ulong page = Allocate(allocator, pages);
        Assert.True(allocator.Free(page, pages, ref _work));
        Assert.Equal(page, Allocate(allocator, pages));
        Assert.Equal((1UL, 1UL, 1UL), (_work.IovaAllocMagazine, _work.IovaAllocTree, _work.IovaFree));
    }

    [Fact]
    public void A_block_of_more_than_32_pages_always_takes_the_tree()
    {
        using IovaAllocator allocator = Allocator();
        for (int i = 0; i < 3; i++)
        {
            ulong page = Allocate(allocator, 33);
            Assert.True(allocator.Free(page, 33, ref _work));
            Assert.False(allocator.Free(page, 33, ref _work));
        }

        Assert.Equal((0UL, 3UL, 3UL), (_work.IovaAllocMagazine, _work.IovaAllocTree, _work.IovaFree));
        Assert.Equal(IovaAllocator.ReservedPages, allocator.TreePages);
    }

    [Theory]
    [InlineData(254)]
    [InlineData(512)]
    [InlineData(1000)]
    public void Every_freed_page_is_found_again_in_magazines_and_depot(int count)
    {
        using IovaAllocator allocator = Allocator();
        ulong[] pages = [.. Enumerable.Range(0, count).Select(_ => Allocate(allocator, 1))];
        FreeAll(allocator, pages);
        _work = default;
        ulong[] again = [.. Enumerable.Range(0, count).Select(_ => Allocate(allocator, 1))];
        Assert.Equal((ulong)count, _work.IovaAllocMagazine);
        Assert.Equal(pages.Order(), again.Order());
    }

    [Fact]
    public void The_depot_worker_gives_one_magazine_a_turn_back_until_a_processor_has_one()
    {
        using IovaAllocator allocator = Allocator();
        ulong[] pages = [.. Enumerable.Range(0, 127 * 6).Select(_ => Allocate(allocator, 1))];
        FreeAll(allocator, pages);

        // 762 freed: 127 loaded, 127 previous, four full ones in the depot; one may stay there.
        int blocks = allocator.TreeBlocks;
        for (int turn = 1; turn <= 5; turn++)
        {
            allocator.TrimDepots();
            Assert.Equal(blocks - (127 * Math.Min(turn, 3)), allocator.TreeBlocks);
        }
    }

    [Fact]
    public void A_magazine_serves_only_blocks_below_the_limit()
    {
        using IovaAllocator allocator = Allocator();
        ulong high = allocator.Allocate(1, (1UL << 34) - 1, flushCaches: true, ref _work);
        ulong low = Allocate(allocator, 1);
        Assert.True(high > Below4G && low <= Below4G);
        allocator.Free(low, 1, ref _work);
        allocator.Free(high, 1, ref _work);
        Assert.Equal(low, Allocate(allocator, 1));
        Assert.NotEqual(high, Allocate(allocator, 1));
        Assert.Equal(high, allocator.Allocate(1, (1UL << 34) - 1, flushCaches: true, ref _work));
    }

    [Fact]
    public void The_interrupt_window_is_never_given_out()
    {
        using IovaAllocator allocator = Allocator();
        for (ulong page = Allocate(allocator, 256); page != 0; page = allocator.Allocate(256, Below4G, flushCaches: false, ref _work))
        {
            Assert.NotEqual(0xfee00UL, page);
        }

        Assert.Equal(IovaAllocator.Page4G - 256, allocator.TreePages);
    }

    [Fact]
    public void Exhaustion_empties_the_magazines_and_tries_once_more()
    {
        using IovaAllocator allocator = Allocator();
        List<ulong> singles = [.. Enumerable.Range(0, 512).Select(_ => allocator.Allocate(1, 1023, flushCaches: false, ref _work))];
        Assert.DoesNotContain(0UL, singles);
        FreeAll(allocator, singles);

        // Pages 512 to 1023 lie in the magazines: nothing of 512 pages fits until they are emptied.
        Assert.Equal(0UL, allocator.Allocate(512, 1023, flushCaches: false, ref _work));
        Assert.Equal(512UL, allocator.Allocate(512, 1023, flushCaches: true, ref _work));
    }

    [Fact]
    public void A_failed_size_below_4_GiB_is_remembered_until_something_there_is_freed()
    {
        using IovaAllocator allocator = Allocator();
        List<ulong> blocks = [];
        for (ulong page = Allocate(allocator, 1 << 18); page != 0; page = allocator.Allocate(1 << 18, Below4G, flushCaches: false, ref _work))
        {
            blocks.Add(page);
        }

        // Three of four gigabytes: page 0 spoils one, the interrupt window another.
        Assert.Equal(2, blocks.Count);
        Assert.Equal(0UL, allocator.Allocate(1 << 19, Below4G, flushCaches: false, ref _work));
        Assert.NotEqual(0UL, allocator.Allocate(1 << 17, Below4G, flushCaches: false, ref _work));
        Assert.NotEqual(0UL, allocator.Allocate(1 << 18, (1UL << 34) - 1, flushCaches: false, ref _work));
        allocator.Free(blocks[0], 1 << 18, ref _work);
        Assert.Equal(blocks[0], Allocate(allocator, 1 << 18));
    }

    [Fact]
    public void A_warm_magazine_allocates_nothing_on_the_managed_heap()
    {
        using IovaAllocator allocator = Allocator();
        ulong[] pages = new ulong[600];
        long allocated = -1;
        for (int round = 0; round < 5; round++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < pages.Length; i++)
            {
                pages[i] = allocator.Allocate(1, Below4G, flushCaches: false, ref _work);
            }

            for (int i = 0; i < pages.Length; i++)
            {
                allocator.Free(pages[i], 1, ref _work);
            }

            allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        }

        Assert.Equal(0, allocated);
    }

    [Fact]
    public void Eight_threads_never_hold_the_same_page_and_lose_none()
    {
        int seed = Environment.TickCount;
        output.WriteLine($"seed {seed}");
        using IovaAllocator allocator = new(processors: 4, timers: true);
        int[] owners = new int[1 << 20];
        const int Threads = 8;
        const int Operations = 1_000_000 / Threads;
        DmaWork[] works = new DmaWork[Threads];
        string?[] errors = new string?[Threads];
        Thread[] threads = [.. Enumerable.Range(0, Threads).Select(t => new Thread(() =>
            errors[t] = Churn(allocator, owners, new Random(seed + t), t + 1, Operations, ref works[t])))];
        foreach (Thread thread in threads)
        {
            thread.Start();
        }

        foreach (Thread thread in threads)
        {
            thread.Join();
        }

        Assert.All(errors, Assert.Null);
        Assert.All(owners, owner => Assert.Equal(0, owner));
        allocator.FlushCaches();
        Assert.Equal(IovaAllocator.ReservedPages, allocator.TreePages);
        allocator.Verify();
        DmaWork sum = default;
        foreach (DmaWork work in works)
        {
            sum.Add(in work);
        }

        Assert.Equal(sum.IovaAllocs, sum.IovaFree);
        Assert.True(sum.IovaAllocMagazine > sum.IovaAllocTree);
    }

    private static string? Churn(IovaAllocator allocator, int[] owners, Random random, int self, int operations, ref DmaWork work)
    {
        List<(ulong Page, ulong Pages)> held = [];
        for (int i = 0; i < operations || held.Count > 0; i++)
        {
            bool take = i < operations && (held.Count == 0 || random.Next(100) < (held.Count < 64 ? 60 : 30));
            if (take)
            {
                ulong pages = random.Next(10) == 0 ? (ulong)random.Next(33, 600) : 1UL << random.Next(6);
                ulong page = allocator.Allocate(pages, Below4G, flushCaches: true, ref work);
                for (ulong p = page; p < page + pages; p++)
                {
                    if (page == 0 || Interlocked.CompareExchange(ref owners[p], self, 0) != 0)
                    {
                        return $"Page {p:x} of a block of {pages} at {page:x} has an owner already.";
                    }
                }

                held.Add((page, pages));
                continue;
            }

            int pick = random.Next(held.Count);
            (ulong start, ulong size) = held[pick];
            held[pick] = held[^1];
            held.RemoveAt(held.Count - 1);
            for (ulong p = start; p < start + size; p++)
            {
                Volatile.Write(ref owners[p], 0);
            }

            allocator.Free(start, size, ref work);
        }

        return null;
    }

    private static IovaAllocator Allocator() => new(processors: 1, timers: false);

    private ulong Allocate(IovaAllocator allocator, ulong pages) => allocator.Allocate(pages, Below4G, flushCaches: false, ref _work);

    private void FreeAll(IovaAllocator allocator, IEnumerable<ulong> pages)
    {
        foreach (ulong page in pages)
        {
            allocator.Free(page, 1, ref _work);
        }
    }
}
