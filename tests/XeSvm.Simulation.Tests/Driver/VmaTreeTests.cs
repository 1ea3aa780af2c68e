using CsCheck;

using XeSvm.Simulation.Driver;

namespace XeSvm.Simulation.Tests.Driver;

/// <summary>The tree of areas against a sorted list.</summary>
public sealed class VmaTreeTests
{
    private const int Slots = 64;

    /// <summary>Places to put areas at, each with a start and a length in slots, and what to do there.</summary>
    private static readonly Gen<(int Start, int Length)[]> s_steps = Gen.Select(Gen.Int[0, Slots - 1], Gen.Int[1, 6]).Array[1, 200];

    [Fact]
    public void Random_insertions_and_removals_agree_with_a_sorted_list() => s_steps.Sample(steps =>
    {
        var tree = new VmaTree();
        var model = new SortedList<ulong, Vma>();
        foreach ((int slot, int slots) in steps)
        {
            ulong start = (ulong)slot;
            ulong end = start + (ulong)slots;
            Vma[] overlapping = [.. model.Values.Where(vma => vma.Start < end && start < vma.End)];
            Assert.Same(overlapping.FirstOrDefault(), tree.FirstOverlap(start, end));
            if (overlapping.Length == 0)
            {
                var vma = new Vma { Start = start, End = end };
                tree.Insert(vma);
                model.Add(start, vma);
            }
            else
            {
                tree.Remove(overlapping[^1]);
                model.Remove(overlapping[^1].Start);
            }

            Assert.Equal(model.Count, tree.Count);
            for (ulong address = 0; address < Slots + 8; address++)
            {
                Assert.Same(model.Values.FirstOrDefault(vma => vma.Start <= address && address < vma.End), tree.Find(address));
                Assert.Same(model.Values.FirstOrDefault(vma => vma.Start > address), tree.FindAbove(address));
            }
        }
    }, iter: 80);

    [Fact]
    public void The_ends_of_the_address_space_are_ordinary_places()
    {
        var tree = new VmaTree();
        var low = new Vma { Start = 0, End = 1 };
        var high = new Vma { Start = ulong.MaxValue - 1, End = ulong.MaxValue };
        tree.Insert(high);
        tree.Insert(low);
        Assert.Same(low, tree.Find(0));
        Assert.Same(low, tree.FirstOverlap(0, ulong.MaxValue));
        Assert.Same(high, tree.FirstOverlap(1, ulong.MaxValue));
        Assert.Same(high, tree.FindAbove(0));
        Assert.Null(tree.FindAbove(ulong.MaxValue));
        tree.Remove(low);
        Assert.Null(tree.Find(0));
    }

    [Fact]
    public void An_empty_range_overlaps_the_area_that_it_lies_in_and_nothing_else()
    {
        var tree = new VmaTree();
        var vma = new Vma { Start = 10, End = 20 };
        tree.Insert(vma);
        Assert.Same(vma, tree.FirstOverlap(15, 15));
        Assert.Null(tree.FirstOverlap(5, 5));
        Assert.Null(tree.FirstOverlap(20, 30));
        Assert.Null(tree.FirstOverlap(5, 10));
    }

    [Fact]
    public void Removing_what_is_not_there_is_refused_and_harmless()
    {
        var tree = new VmaTree();
        var vma = new Vma { Start = 10, End = 20 };
        tree.Insert(vma);
        Assert.Throws<InvalidOperationException>(() => tree.Remove(new Vma { Start = 10, End = 20 }));
        Assert.Throws<InvalidOperationException>(() => tree.Remove(new Vma { Start = 30, End = 40 }));
        Assert.Same(vma, tree.Find(10));
        Assert.Equal(1, tree.Count);
    }

    [Fact]
    public void Sorted_insertions_do_not_make_it_deep()
    {
        // Quadratic time, or a stack as deep as the tree is large, would not end here.
        var tree = new VmaTree();
        for (ulong at = 0; at < 200_000; at++)
        {
            tree.Insert(new Vma { Start = at * 2, End = (at * 2) + 1 });
        }

        for (ulong at = 0; at < 200_000; at++)
        {
            Vma? vma = tree.Find(at * 2);
            Assert.NotNull(vma);
            tree.Remove(vma);
        }

        Assert.Equal(0, tree.Count);
    }
}
