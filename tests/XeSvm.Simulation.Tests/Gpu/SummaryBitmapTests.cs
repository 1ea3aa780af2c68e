using CsCheck;
using XeSvm.Simulation.Gpu;

namespace XeSvm.Simulation.Tests.Gpu;

public sealed class SummaryBitmapTests
{
    [Fact]
    public void It_agrees_with_a_sorted_set() =>
        Gen.Select(Gen.Int[1, 10_000], Gen.Select(Gen.Bool, Gen.Int[0, 9_999]).List[0, 200]).Sample((length, steps) =>
        {
            using var bitmap = new SummaryBitmap(length);
            var model = new SortedSet<int>();
            foreach ((bool set, int at) in steps)
            {
                int index = at % length;
                if (set)
                {
                    bitmap.Set(index);
                    model.Add(index);
                }
                else
                {
                    bitmap.Clear(index);
                    model.Remove(index);
                }

                Assert.Equal(model.Contains(index), bitmap.Test(index));
                foreach (int from in (int[])[0, index, index + 1, length - 1, length])
                {
                    Assert.Equal(model.Where(i => i >= from).DefaultIfEmpty(-1).Min(), bitmap.FindNext(from));
                }
            }
        }, iter: 150);

    [Theory]
    [InlineData(1)]
    [InlineData(64)]
    [InlineData(65)]
    [InlineData(4096)]
    [InlineData(4097)]
    [InlineData(64 * 64 * 64 + 1)]
    public void The_last_bit_is_found_from_the_first(long length)
    {
        using var bitmap = new SummaryBitmap(length);
        Assert.Equal(-1, bitmap.FindNext(0));
        bitmap.Set(length - 1);
        Assert.Equal(length - 1, bitmap.FindNext(0));
        bitmap.Clear(length - 1);
        Assert.Equal(-1, bitmap.FindNext(0));
        Assert.False(bitmap.Test(length));
    }
}
