using CsCheck;
using XeSvm.Simulation.Cost;
using XeSvm.Simulation.Iommu;

namespace XeSvm.Simulation.Tests.Iommu;

public class IoPageTableTests
{
    private const ulong Page = 4096;
    private const int LargePages = 512;

    /// <summary>Pages of the window that random operations work in: four 2 MiB blocks around a 1 GiB boundary.</summary>
    private const int Window = 4 * LargePages;

    private const ulong WindowStart = (1UL << 30) - (2UL << 21);

    [Theory]
    [InlineData(3, true)]
    [InlineData(4, true)]
    [InlineData(4, false)]
    [InlineData(5, false)]
    public void Random_maps_and_unmaps_leave_exactly_what_a_list_of_pages_says(int levels, bool coherent)
    {
        Gen<int> length = Gen.OneOf(Gen.Int[1, 16], Gen.Int[1, 1200], Gen.OneOf(LargePages, 2 * LargePages));
        Gen<int> start = Gen.OneOf(Gen.Int[0, Window - 1], Gen.OneOf(0, LargePages, 2 * LargePages, 3 * LargePages));
        Gen<(bool Map, int Start, int Length, int Physical)> operation =
            Gen.Select(Gen.Bool, start, length, Gen.OneOf(Gen.OneOf(0, LargePages), Gen.Int[0, 5000]));
        operation.Array[0, 60].Sample(
            operations =>
            {
                IommuOptions options = new() { Mode = IommuMode.Strict, Levels = levels, CoherentWalker = coherent, Timers = false };
                using IommuDomain domain = new(options);
                NaiveTable naive = new();
                DmaWork work = default;
                foreach ((bool map, int first, int wanted, int physical) in operations)
                {
                    int pages = Math.Min(wanted, Window - first);
                    ulong address = WindowStart + ((ulong)first * Page);
                    if (map)
                    {
                        int expected = naive.Map(first, pages, physical);
                        Assert.Equal(expected, domain.Map(address, (ulong)physical * Page, (ulong)pages * Page, IoEntry.Permissions, ref work));
                    }
                    else
                    {
                        Assert.Equal((ulong)naive.Unmap(first, pages) * Page, domain.UnmapNow(address, (ulong)pages * Page, ref work));
                    }

                    AssertSame(naive, domain, walker: false);
                    AssertSame(naive, domain, walker: true);
                }

                Assert.Equal((ulong)naive.Leaves, work.PteSet - work.PteClear);
                Assert.Equal(domain.Table.Tables - 1, (int)(work.TableAlloc - work.TableFree));
                Assert.Equal(coherent || work.PteSet == 0, work.LinesFlushed == 0);
            },
            iter: 25);
    }

    [Fact]
    public void Beyond_the_reach_of_the_levels_nothing_can_be_mapped()
    {
        using IoPageTable table = new(new IommuOptions { Levels = 3 });
        DmaWork work = default;
        IoTableList detached = default;
        Assert.Equal(-Errno.EINVAL, table.Map(1UL << 39, 0, Page, IoEntry.Permissions, ref detached, out _, ref work));
        Assert.Equal(-Errno.EINVAL, table.Map((1UL << 39) - Page, 0, 2 * Page, IoEntry.Permissions, ref detached, out _, ref work));
        Assert.Equal(0UL, table.Unmap(1UL << 39, Page, ref detached, ref work));
        Assert.Equal(0UL, table.Lookup(1UL << 39, out _));
        Assert.Equal(0, table.Map((1UL << 39) - Page, 0, Page, IoEntry.Permissions, ref detached, out _, ref work));
        Assert.Equal(1, table.Tables - 2);
    }

    [Fact]
    public void A_long_aligned_call_has_small_leaves_only_at_its_ragged_ends()
    {
        using IoPageTable table = new(new IommuOptions());
        DmaWork work = default;
        IoTableList detached = default;
        ulong start = (2UL << 20) - (4 * Page);
        Assert.Equal(0, table.Map(start, start + (64UL << 20), (3 * (2UL << 20)) + (8 * Page), IoEntry.Permissions, ref detached, out ulong mapped, ref work));
        Assert.Equal((3 * (2UL << 20)) + (8 * Page), mapped);
        Assert.Equal((3UL, 11UL, 3UL), (work.Leaf2m, work.PteSet, work.WalksMap));
    }

    [Fact]
    public void A_whole_unmap_of_a_gigabyte_frees_its_upper_table_too()
    {
        using IoPageTable table = new(new IommuOptions());
        DmaWork work = default;
        IoTableList detached = default;
        Assert.Equal(0, table.Map(1UL << 30, 0, 1UL << 30, IoEntry.Permissions, ref detached, out _, ref work));
        Assert.Equal((512UL, 2UL), (work.Leaf2m, work.TableAlloc));
        Assert.Equal(1UL << 30, table.Unmap(1UL << 30, 1UL << 30, ref detached, ref work));
        Assert.Equal((512UL, 1UL), (work.PteClear, work.TableFree));
        table.Release(in detached);
        Assert.Equal(2, table.Tables);
    }

    [Fact]
    public void The_walker_does_not_see_what_is_not_flushed()
    {
        using IoTableMemory memory = new(shadowed: true, limit: 10);
        unsafe
        {
            ulong* table = memory.Rent();
            table[9] = 77;
            Assert.Equal(0UL, *memory.WalkerView(table + 9));
            Assert.Equal(1, memory.Flush(table + 9, 1));
            Assert.Equal(77UL, *memory.WalkerView(table + 9));
            Assert.Equal(2, memory.Flush(table + 7, 2));
            Assert.Equal(1, memory.Flush(table, 8));
            Assert.Equal(64, memory.Flush(table, 512));
        }
    }

    [Fact]
    public void A_flush_never_takes_the_walker_back_behind_the_flush_of_a_neighbour_in_the_line()
    {
        using IoTableMemory memory = new(shadowed: true, limit: 1);
        string?[] errors = new string?[4];
        unsafe
        {
            ulong* line = memory.Rent();
            Thread[] threads = [.. Enumerable.Range(0, errors.Length).Select(t => new Thread(() =>
            {
                for (ulong value = 1; value <= 100_000 && errors[t] is null; value++)
                {
                    Volatile.Write(ref line[t], value);
                    memory.Flush(line + t, 1);
                    ulong seen = Volatile.Read(ref *memory.WalkerView(line + t));
                    errors[t] = seen == value ? null : $"The walker sees {seen} after the flush of {value}.";
                }
            }))];
            Array.ForEach(threads, thread => thread.Start());
            Array.ForEach(threads, thread => thread.Join());
        }

        Assert.All(errors, Assert.Null);
    }

    [Fact]
    public void Tables_come_zeroed_and_only_as_many_as_the_limit_allows()
    {
        using IoTableMemory memory = new(shadowed: false, limit: 200);
        unsafe
        {
            IoTableList list = default;
            HashSet<nint> seen = [];
            for (int i = 0; i < 200; i++)
            {
                ulong* table = memory.Rent();
                Assert.True(seen.Add((nint)table));
                Assert.False(new ReadOnlySpan<ulong>(table, 512).ContainsAnyExcept(0UL));
                new Span<ulong>(table, 512).Fill(ulong.MaxValue);
                list.Add(table);
            }

            Assert.True(memory.Rent() is null);
            memory.Return(in list);
            Assert.Equal(0, memory.InUse);
            Assert.False(new ReadOnlySpan<ulong>(memory.Rent(), 512).ContainsAnyExcept(0UL));
        }
    }

    private static void AssertSame(NaiveTable naive, IommuDomain domain, bool walker)
    {
        Dictionary<int, int> found = [];
        domain.Table.VisitLeaves(walker, (address, entry, level) =>
        {
            for (int i = 0; i < (level == 1 ? 1 : LargePages); i++)
            {
                found.Add((int)((address - WindowStart) / Page) + i, (int)(IoEntry.Address(entry) / Page) + i);
            }
        });
        Assert.Equal(naive.Pages.Count, found.Count);
        Assert.All(naive.Pages, page => Assert.Equal(page.Value.Physical, found[page.Key]));
    }

    /// <summary>Page by page, each with the start of its leaf.</summary>
    private sealed class NaiveTable
    {
        public Dictionary<int, (int Physical, int Leaf)> Pages { get; } = [];

        public int Leaves => Pages.Values.Select(page => page.Leaf).Distinct().Count();

        public int Map(int start, int pages, int physical)
        {
            if (Enumerable.Range(start, pages).Any(Pages.ContainsKey))
            {
                return -Errno.EADDRINUSE;
            }

            for (int i = 0; i < pages;)
            {
                bool large = (start + i) % LargePages == 0 && (physical + i) % LargePages == 0 && pages - i >= LargePages;
                int leaf = start + i;
                for (int end = i + (large ? LargePages : 1); i < end; i++)
                {
                    Pages.Add(start + i, (physical + i, leaf));
                }
            }

            return 0;
        }

        public int Unmap(int start, int pages)
        {
            int cleared = 0;
            for (int page = start; page < start + pages && Pages.TryGetValue(page, out (int Physical, int Leaf) entry);)
            {
                int leaf = entry.Leaf;
                bool large = leaf % LargePages == 0 && Pages.TryGetValue(leaf + 1, out (int Physical, int Leaf) second) && second.Leaf == leaf;
                int size = large ? LargePages : 1;
                for (int i = 0; i < size; i++)
                {
                    Pages.Remove(leaf + i);
                }

                cleared += size;
                page = leaf + size;
            }

            return cleared;
        }
    }
}
