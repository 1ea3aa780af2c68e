using System.Numerics;
using CsCheck;
using XeSvm.Simulation.Gpu;
using XeSvm.Simulation.Tests.Gpu.Support;

namespace XeSvm.Simulation.Tests.Gpu;

public sealed class VramManagerTests
{
    private const ulong Page = 4096;
    private const ulong TwoMiB = 2UL << 20;

    [Fact]
    public void Random_requests_agree_with_a_map_of_pages() =>
        Gen.Select(Gen.Int[1, 3000], Gen.Select(Gen.Bool, Gen.Int[1, 1200], Gen.Int[0, 1000]).List[1, 120]).Sample((totalPages, steps) =>
        {
            using var manager = new VramManager((ulong)totalPages * Page);
            var model = new bool[totalPages];
            var live = new List<(int Start, int Count)>();
            foreach ((bool allocate, int count, int pick) in steps)
            {
                if (allocate || live.Count == 0)
                {
                    bool done = manager.TryAllocate(((ulong)count * Page) - (ulong)(pick % 4096), out ulong offset);
                    Assert.Equal(ShouldFit(model, count), done);
                    if (done)
                    {
                        int start = (int)(offset / Page);
                        Assert.Equal(0UL, offset % Math.Min(BitOperations.RoundUpToPowerOf2((ulong)count) * Page, TwoMiB));
                        Assert.True(IsFree(model, start, count), "The allocation overlaps another.");
                        Array.Fill(model, true, start, count);
                        live.Add((start, count));
                    }
                }
                else
                {
                    (int start, int size) = live[pick % live.Count];
                    live.RemoveAt(pick % live.Count);
                    Assert.Equal((ulong)size * Page, manager.Free((ulong)start * Page));
                    Array.Fill(model, false, start, size);
                }

                Assert.Equal((ulong)model.Count(used => used) * Page, manager.Used);
            }

            foreach ((int start, _) in live)
            {
                manager.Free((ulong)start * Page);
            }

            Assert.Equal(0UL, manager.Used);
            ulong largestBlock = (BitOperations.RoundUpToPowerOf2((ulong)totalPages + 1) >> 1) * Page;
            Assert.True(manager.TryAllocate(largestBlock, out _), "The free blocks did not merge again.");
        }, iter: 250);

    [Fact]
    public void Five_of_eight_gibibytes_can_be_had_although_no_block_is_that_large()
    {
        using var manager = new VramManager(8UL << 30);
        Assert.True(manager.TryAllocate(TwoMiB, out ulong small));
        Assert.True(manager.TryAllocate(5UL << 30, out ulong large));
        Assert.Equal(0UL, large % TwoMiB);
        Assert.True(manager.TryAllocate((3UL << 30) - TwoMiB, out ulong rest));
        Assert.Equal(manager.Total, manager.Used);
        Assert.False(manager.TryAllocate(Page, out _));
        Assert.Equal(5UL << 30, manager.Free(large));
        manager.Free(small);
        manager.Free(rest);
        Assert.True(manager.TryAllocate(8UL << 30, out _));
    }

    [Fact]
    public void Sizes_that_are_no_power_of_two_waste_nothing()
    {
        using var manager = new VramManager(12UL << 30);
        Assert.True(manager.TryAllocate(TwoMiB + 1, out _));
        Assert.Equal(TwoMiB + Page, manager.Used);
        Assert.Equal(12UL << 30, manager.Total);
    }

    [Fact]
    public void Freeing_twice_or_what_was_never_given_is_refused_and_changes_nothing()
    {
        using var manager = new VramManager(64UL << 20);
        Assert.True(manager.TryAllocate(6 * TwoMiB, out ulong offset));
        Assert.Throws<InvalidOperationException>(() => manager.Free(offset + Page));
        Assert.Throws<InvalidOperationException>(() => manager.Free(offset + (4 * TwoMiB)));
        Assert.Throws<InvalidOperationException>(() => manager.Free(offset + 1));
        Assert.Throws<InvalidOperationException>(() => manager.Free(ulong.MaxValue));
        Assert.Equal(6 * TwoMiB, manager.Used);
        manager.Free(offset);
        Assert.Throws<InvalidOperationException>(() => manager.Free(offset));
        Assert.Equal(0UL, manager.Used);
    }

    [Fact]
    public void Bad_sizes_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new VramManager(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new VramManager(Page + 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new VramManager(1 << 20, pageSize: 3 * Page));
        using var manager = new VramManager(1 << 20, pageSize: 64 << 10);
        Assert.Throws<ArgumentOutOfRangeException>(() => manager.TryAllocate(0, out _));
        Assert.False(manager.TryAllocate(ulong.MaxValue, out _));
        Assert.True(manager.TryAllocate(1, out _));
        Assert.Equal(64UL << 10, manager.Used);
    }

    [Fact]
    public void Threads_allocate_and_free_side_by_side()
    {
        using var manager = new VramManager(256UL << 20);
        Parallel.For(0, 4, worker =>
        {
            var random = new Random(worker);
            var live = new List<ulong>();
            for (int step = 0; step < 2000; step++)
            {
                if (live.Count < 20 && manager.TryAllocate((ulong)random.Next(1, 1 << 22), out ulong offset))
                {
                    live.Add(offset);
                }
                else if (live.Count > 0)
                {
                    manager.Free(live[^1]);
                    live.RemoveAt(live.Count - 1);
                }
            }

            live.ForEach(offset => manager.Free(offset));
        });
        Assert.Equal(0UL, manager.Used);
        Assert.True(manager.TryAllocate(256UL << 20, out _));
    }

    [Fact]
    public void Allocating_and_freeing_allocates_nothing()
    {
        using var manager = new VramManager(8UL << 30);
        Allocations.AssertNone(() =>
        {
            manager.TryAllocate(TwoMiB, out ulong offset);
            manager.Free(offset);
        });
    }

    /// <summary>
    /// Up to 2 MiB: when there is a free aligned power of two that holds it. Above: also when there is a free run that is 2 MiB aligned.
    /// </summary>
    private static bool ShouldFit(bool[] used, int count)
    {
        int block = (int)BitOperations.RoundUpToPowerOf2((uint)count);
        for (int start = 0; start + block <= used.Length; start += block)
        {
            if (IsFree(used, start, block))
            {
                return true;
            }
        }

        int step = (int)(TwoMiB / Page);
        for (int start = 0; count > step && start + count <= used.Length; start += step)
        {
            if (IsFree(used, start, count))
            {
                return true;
            }
        }

        return false;
    }

    private static bool IsFree(bool[] used, int start, int count) => Array.IndexOf(used, true, start, count) < 0;
}
