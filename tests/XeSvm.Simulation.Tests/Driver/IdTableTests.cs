using CsCheck;

using XeSvm.Simulation.Driver;

namespace XeSvm.Simulation.Tests.Driver;

/// <summary>Ids against a sorted dictionary, and under many threads.</summary>
public sealed class IdTableTests
{
    [Fact]
    [Trait("Rule", "15.FD_TO_HANDLE")]
    public void Threads_that_look_an_object_up_or_add_it_at_once_get_one_id()
    {
        var table = new IdTable<object>();
        var item = new object();
        int added = 0;
        Parallel.For(0, 64, _ =>
        {
            Assert.True(table.TryFindOrAdd(item, out uint id, out bool isNew));
            Assert.Equal(1u, id);
            Interlocked.Add(ref added, isNew ? 1 : 0);
        });
        Assert.Equal(1, added);
        table.Close();
        Assert.False(table.TryFindOrAdd(item, out uint none, out bool late));
        Assert.Equal((0u, false), (none, late));
    }

    [Fact]
    [Trait("Rule", "1.ids")]
    public void Random_additions_and_removals_agree_with_a_dictionary() =>
        Gen.Select(Gen.Bool, Gen.UInt[0, 40]).Array[1, 300].Sample(steps =>
        {
            var table = new IdTable<object>();
            var model = new SortedDictionary<uint, object>();
            foreach ((bool add, uint pick) in steps)
            {
                if (add)
                {
                    var item = new object();
                    uint lowest = 1;
                    while (model.ContainsKey(lowest))
                    {
                        lowest++;
                    }

                    Assert.True(table.TryAdd(item, out uint id));
                    Assert.Equal(lowest, id);
                    model.Add(id, item);
                }
                else
                {
                    bool had = model.Remove(pick, out object? expected);
                    Assert.Equal(had, table.TryRemove(pick, out object? removed));
                    Assert.Same(expected, removed);
                }

                Assert.Equal(model.TryGetValue(pick, out object? there), table.TryGet(pick, out object? found));
                Assert.Same(there, found);
            }

            Assert.Equal(model.Values, table.Snapshot());
            object? last = model.Values.LastOrDefault();
            Assert.Same(last, table.Find(item => item == last));
            Assert.Equal(model.Values, table.Close());
            Assert.All(model.Keys, id => Assert.False(table.TryGet(id, out _)));
            Assert.False(table.TryAdd(new object(), out uint none));
            Assert.Equal(0u, none);
        }, iter: 300);

    [Theory]
    [InlineData(0u)]
    [InlineData(8u)]
    [InlineData(uint.MaxValue)]
    [InlineData(0x8000_0000u)]
    public void Ids_that_were_never_given_name_nothing(uint id)
    {
        var table = new IdTable<object>();
        Assert.True(table.TryAdd(new object(), out _));
        Assert.False(table.TryGet(id, out _));
        Assert.False(table.TryRemove(id, out _));
    }

    [Fact]
    public void No_id_is_given_twice_and_each_is_ended_once()
    {
        var table = new IdTable<object>();
        int given = 0;
        int ended = 0;
        Parallel.For(0, 8, new ParallelOptions { MaxDegreeOfParallelism = 8 }, thread =>
        {
            var random = new Random(thread);
            for (int i = 0; i < 5000; i++)
            {
                if (random.Next(2) == 0)
                {
                    var item = new object();
                    Assert.True(table.TryAdd(item, out uint id));
                    Interlocked.Increment(ref given);
                    if (random.Next(2) == 0)
                    {
                        // Another thread may have ended it, but nobody can have got the same item under it.
                        Interlocked.Add(ref ended, table.TryRemove(id, out _) ? 1 : 0);
                    }
                }
                else
                {
                    Interlocked.Add(ref ended, table.TryRemove((uint)random.Next(1, 50), out _) ? 1 : 0);
                }
            }
        });
        object[] left = table.Close();
        Assert.Equal(given, ended + left.Length);
        Assert.Equal(left.Length, left.Distinct().Count());
    }
}
