using CsCheck;
using XeSvm.Simulation.Iommu;

namespace XeSvm.Simulation.Tests.Iommu;

public class IovaTreeTests
{
    private const int Space = 1024;

    [Fact]
    public void The_tree_gives_the_highest_aligned_place_exactly_as_a_map_of_all_pages_does()
    {
        Gen<(bool Take, int Size, int Limit, int Pick)> operation =
            Gen.Select(Gen.Bool, Gen.OneOf(Gen.Int[1, 8], Gen.Int[1, 130], Gen.OneOf(1, 16, 32, 64, 128)), Gen.Int[1, Space - 1], Gen.Int[0, 9999]);
        operation.Array[0, 300].Sample(
            operations =>
            {
                IovaTree tree = new(firstPage: 1);
                NaiveSpace naive = new();
                foreach ((bool take, int size, int limit, int pick) in operations)
                {
                    int last = pick % 3 == 0 ? limit : Space - 1;
                    if (take || naive.Ranges.Count == 0)
                    {
                        Assert.Equal((ulong)naive.Allocate(size, last), tree.Allocate((ulong)size, (ulong)last));
                    }
                    else
                    {
                        (int start, int pages) = naive.Ranges.ElementAt(pick % naive.Ranges.Count);
                        naive.Free(start);
                        Assert.True(tree.Free((ulong)start, out ulong freed));
                        Assert.Equal((ulong)pages, freed);
                    }
                }

                tree.Verify();
                Assert.Equal(naive.Ranges.Count, tree.Count);
                Assert.Equal((ulong)naive.Ranges.Values.Sum(), tree.Pages);
            },
            iter: 1000);
    }

    [Fact]
    public void A_given_range_is_reserved_only_where_nothing_is()
    {
        IovaTree tree = new(firstPage: 1);
        Assert.True(tree.Reserve(100, 10));
        Assert.False(tree.Reserve(109, 1));
        Assert.False(tree.Reserve(99, 2));
        Assert.False(tree.Reserve(90, 100));
        Assert.False(tree.Reserve(200, 0));
        Assert.False(tree.Reserve(ulong.MaxValue, 2));
        Assert.True(tree.Reserve(110, 1));
        Assert.True(tree.Reserve(99, 1));
        tree.Verify();
        Assert.Equal(12UL, tree.Pages);
        Assert.True(tree.TryFind(105, out ulong start, out ulong pages));
        Assert.Equal((100UL, 10UL), (start, pages));
        Assert.False(tree.TryFind(98, out _, out _));
    }

    [Fact]
    public void What_was_not_given_out_cannot_be_freed()
    {
        IovaTree tree = new(firstPage: 1);
        ulong page = tree.Allocate(4, 1000);
        Assert.False(tree.Free(page + 1, out _));
        Assert.True(tree.Free(page, out _));
        Assert.False(tree.Free(page, out _));
    }

    [Fact]
    public void Page_0_is_never_given_out()
    {
        IovaTree tree = new(firstPage: 1);
        List<ulong> pages = [];
        for (ulong page = tree.Allocate(1, 15); page != 0; page = tree.Allocate(1, 15))
        {
            pages.Add(page);
        }

        Assert.Equal(Enumerable.Range(1, 15).Reverse().Select(page => (ulong)page), pages);
    }

    [Fact]
    public void A_large_tree_stays_balanced_and_finds_the_only_gap()
    {
        IovaTree tree = new(firstPage: 1);
        const int Blocks = 100_000;
        ulong lastPage = ((ulong)Blocks * 4) - 1;
        int taken = 0;
        while (tree.Allocate(4, lastPage) != 0)
        {
            taken++;
        }

        Assert.Equal(Blocks - 1, taken);
        tree.Verify();
        Assert.True(tree.Free(4 * 777, out _));
        Assert.Equal(4UL * 777, tree.Allocate(4, lastPage));
        Assert.Equal(0UL, tree.Allocate(4, lastPage));
        Assert.Equal(2UL, tree.Allocate(2, lastPage));
    }

    private sealed class NaiveSpace
    {
        private readonly bool[] _taken = new bool[Space];

        public SortedDictionary<int, int> Ranges { get; } = [];

        public int Allocate(int size, int last)
        {
            int alignment = (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)size);
            for (int start = (last + 1 - size) / alignment * alignment; start >= 1 && last + 1 >= size; start -= alignment)
            {
                if (!_taken.AsSpan(start, size).Contains(true))
                {
                    _taken.AsSpan(start, size).Fill(true);
                    Ranges.Add(start, size);
                    return start;
                }
            }

            return 0;
        }

        public void Free(int start)
        {
            _taken.AsSpan(start, Ranges[start]).Clear();
            Ranges.Remove(start);
        }
    }
}
