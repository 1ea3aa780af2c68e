using CsCheck;

using XeSvm.Simulation.Memory;

namespace XeSvm.Simulation.Tests.Driver;

/// <summary>Chunks by address against a dictionary of pages.</summary>
public sealed class ChunkMapTests
{
    private const ulong Page = 4096;
    private const ulong Block = 2 << 20;
    private static readonly ulong[] s_blocks = [0, Block, 2 * Block, 3 * Block, 1UL << 40, (1UL << 48) - Block];
    private static readonly ulong[] s_sizes = [Page, 64 << 10, Block];

    /// <summary>An address in a few blocks, some next to each other and some far away; a size; how far a look goes.</summary>
    private static readonly Gen<(ulong Address, int Size, ulong Length)[]> s_steps = Gen.Select(
        Gen.Int[0, s_blocks.Length - 1],
        Gen.ULong[0, 511],
        Gen.Int[0, 2],
        Gen.OneOf(Gen.ULong[1, 600], Gen.ULong[1, 1UL << 36]),
        (block, page, size, length) => (s_blocks[block] + (page * Page), size, length * Page)).Array[1, 120];

    [Fact]
    public void Random_additions_and_removals_agree_with_a_dictionary_of_pages() => s_steps.Sample(steps =>
    {
        var map = new ChunkMap<Chunk>();
        var model = new Dictionary<ulong, Chunk>();
        foreach ((ulong address, int sizeIndex, ulong length) in steps)
        {
            ulong size = s_sizes[sizeIndex];
            ulong start = address & ~(size - 1);
            if (model.TryGetValue(address, out Chunk? there))
            {
                Assert.True(map.TryFind(address + 123, out Chunk? found));
                Assert.Same(there, found);
                map.Remove(there);
                ForEachPage(there, page => model.Remove(page));
            }
            else
            {
                var chunk = new Chunk(start, size);
                bool free = true;
                ForEachPage(chunk, page => free &= !model.ContainsKey(page));
                Assert.Equal(!free, map.Overlaps(start, start + size));
                if (free)
                {
                    map.Add(chunk);
                    ForEachPage(chunk, page => model.Add(page, chunk));
                }
            }

            Check(map, model, address, length);
        }
    }, iter: 60);

    [Fact]
    public void Looks_of_every_width_find_a_chunk_that_is_just_touched()
    {
        var map = new ChunkMap<Chunk>();
        var chunk = new Chunk(5 * Block, 64 << 10);
        map.Add(chunk);
        foreach (ulong width in (ReadOnlySpan<ulong>)[Page, Block, 100 * Block, 1UL << 47])
        {
            Assert.False(map.Overlaps(chunk.Start + chunk.Size, chunk.Start + chunk.Size + width));
            Assert.True(map.Overlaps(chunk.Start + chunk.Size - Page, chunk.Start + chunk.Size + width));
            ulong below = chunk.Start > width ? chunk.Start - width : 0;
            Assert.False(map.Overlaps(below, chunk.Start));
            Assert.True(map.Overlaps(below, chunk.Start + Page));
        }
    }

    private static void Check(ChunkMap<Chunk> map, Dictionary<ulong, Chunk> model, ulong address, ulong length)
    {
        ulong end = address + length;
        var expected = model.Values.Distinct().Where(chunk => chunk.Start < end && address < chunk.Start + chunk.Size).ToHashSet();
        var collected = new List<Chunk>();
        map.Collect(address, end, collected);
        Assert.Equal(expected.Count, collected.Count);
        Assert.True(expected.SetEquals(collected));
        Assert.Equal(expected.Count > 0, map.Overlaps(address, end));
        Assert.Equal(model.TryGetValue(address, out Chunk? there), map.TryFind(address, out Chunk? found));
        Assert.Same(there, found);
        Assert.Equal(model.Values.Distinct().Count(), map.Count);
    }

    private static void ForEachPage(Chunk chunk, Action<ulong> action)
    {
        for (ulong at = chunk.Start; at < chunk.Start + chunk.Size; at += Page)
        {
            action(at);
        }
    }

    private sealed class Chunk(ulong start, ulong size) : IChunk
    {
        public ulong Start { get; } = start;

        public ulong Size { get; } = size;
    }
}
