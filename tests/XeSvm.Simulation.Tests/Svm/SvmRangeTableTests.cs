using CsCheck;

using XeSvm.Simulation.Svm;

namespace XeSvm.Simulation.Tests.Svm;

/// <summary>Ranges below their notifiers, against a plain list.</summary>
[Trait("Rule", "svm 1")]
public sealed class SvmRangeTableTests
{
    private const ulong Block = 2 << 20;
    private static readonly ulong[] s_sizes = [4096, 64 << 10, Block];

    private static readonly Gen<(ulong Address, int Size, ulong Length)[]> s_steps = Gen.Select(
        Gen.ULong[0, 5],
        Gen.ULong[0, 3],
        Gen.ULong[0, 511],
        Gen.Int[0, 2],
        Gen.OneOf(Gen.ULong[1, 600], Gen.ULong[1, 1UL << 30]),
        (notifier, block, page, size, length) => ((notifier * 300 * SvmNotifier.Size) + (block * 255 * Block) + (page << 12), size, length << 12)).Array[1, 100];

    [Fact]
    [Trait("Rule", "svm 1.notifier")]
    public void Random_additions_removals_and_looks_agree_with_a_list() => s_steps.Sample(steps =>
    {
        var table = new SvmRangeTable();
        var model = new List<SvmRange>();
        foreach ((ulong address, int sizeIndex, ulong length) in steps)
        {
            ulong start = address & ~(s_sizes[sizeIndex] - 1);
            ulong end = start + s_sizes[sizeIndex];
            SvmRange? there = model.Find(range => range.Start <= address && address < range.End);
            Assert.Equal(there is not null, table.TryFind(address, out SvmRange? found));
            Assert.Same(there, found);
            if (there is not null)
            {
                table.Remove(there);
                model.Remove(there);
            }
            else if (!model.Exists(range => Overlaps(range, start, end)))
            {
                var range = new SvmRange();
                range.Assign(start, end - start, migrateDevmem: true);
                table.Add(range);
                model.Add(range);
            }

            var collected = new List<SvmRange>();
            table.Collect(address, address + length, collected);
            List<SvmRange> expected = model.FindAll(range => Overlaps(range, address, address + length));
            Assert.Equal(expected.OrderBy(range => range.Start), collected.OrderBy(range => range.Start));
            Assert.Equal(expected.Count != 0, table.Overlaps(address, address + length));
            Assert.Equal(model.Count, table.Count);
            Assert.Equal(model.Select(range => SvmNotifier.StartOf(range.Start)).Distinct().Count(), table.NotifierCount);
        }
    });

    [Fact]
    public void Notifiers_that_overlap_come_in_the_order_of_addresses()
    {
        var table = new SvmRangeTable();
        ulong[] notifiers = [7, 1, 900, 3];
        foreach (ulong notifier in notifiers)
        {
            var range = new SvmRange();
            range.Assign(notifier * SvmNotifier.Size, Block, migrateDevmem: true);
            table.Add(range);
        }

        Assert.Equal([1, 3, 7, 900], table.Overlapping(0, 1UL << 47).Select(notifier => notifier.Start / SvmNotifier.Size));
        Assert.Equal([3, 7], table.Overlapping((2 * SvmNotifier.Size) + 1, (7 * SvmNotifier.Size) + 1).Select(notifier => notifier.Start / SvmNotifier.Size));
        Assert.Empty(table.Overlapping(5, 5));
    }

    private static bool Overlaps(SvmRange range, ulong start, ulong end) => range.Start < end && start < range.End;
}
