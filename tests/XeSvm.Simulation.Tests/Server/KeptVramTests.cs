using CsCheck;

using XeSvm.Simulation.Server;

namespace XeSvm.Simulation.Tests.Server;

/// <summary>What is kept of a client's shared memory, against a set of pages.</summary>
public sealed class KeptVramTests
{
    private const int Pages = 300;
    private const int MostPages = 130;

    [Fact]
    public void What_is_kept_is_counted_once_and_never_too_much() =>
        Gen.Select(Gen.Bool, Gen.Int[0, Pages - 1], Gen.Int[1, Pages]).List[1, 60].Sample(steps =>
        {
            var kept = new KeptVram(Pages * 4096, MostPages * 4096);
            var model = new HashSet<int>();
            foreach ((bool keep, int first, int wanted) in steps)
            {
                int[] part = [.. Enumerable.Range(first, Math.Min(wanted, Pages - first))];
                if (keep)
                {
                    bool fits = model.Count + part.Length <= MostPages;
                    Assert.Equal(fits, kept.TryKeep((ulong)first * 4096, (ulong)part.Length * 4096));
                    model.UnionWith(fits ? part : []);
                }
                else
                {
                    kept.Take((ulong)first * 4096, (ulong)part.Length * 4096);
                    model.ExceptWith(part);
                }

                Assert.Equal((ulong)model.Count * 4096, kept.Bytes);
            }
        });
}
