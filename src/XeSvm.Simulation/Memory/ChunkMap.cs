using System.Diagnostics.CodeAnalysis;

namespace XeSvm.Simulation.Memory;

/// <summary>A naturally aligned piece of address space of exactly 4 KiB, 64 KiB or 2 MiB.</summary>
internal interface IChunk
{
    ulong Start { get; }

    ulong Size { get; }
}

/// <summary>
/// Non-overlapping chunks by address: one hash step to the 2 MiB block, then one array step. Not thread-safe.
/// </summary>
internal sealed class ChunkMap<T>
    where T : class, IChunk
{
    private readonly Dictionary<ulong, Block> _blocks = [];
    private readonly Stack<Block> _pool = new();

    public int Count { get; private set; }

    /// <summary>The chunk that contains an address.</summary>
    public bool TryFind(ulong address, [NotNullWhen(true)] out T? chunk)
    {
        chunk = _blocks.TryGetValue(address & ~PageConstants.BlockMask, out Block? block) ? block.Find(address) : null;
        return chunk is not null;
    }

    /// <summary>Whether any chunk overlaps <c>[start, end)</c>.</summary>
    public bool Overlaps(ulong start, ulong end)
    {
        ulong first = start & ~PageConstants.BlockMask;
        if (IsSparse(first, end))
        {
            foreach (Block block in _blocks.Values)
            {
                if (block.Overlaps(start, end))
                {
                    return true;
                }
            }

            return false;
        }

        for (ulong at = first; at < end; at += PageConstants.BlockSize)
        {
            if (_blocks.TryGetValue(at, out Block? block) && block.Overlaps(start, end))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>One of the chunks that overlap <c>[start, end)</c>, or null. Of a range within a block.</summary>
    public T? FirstOverlapping(ulong start, ulong end) =>
        _blocks.TryGetValue(start & ~PageConstants.BlockMask, out Block? block) ? block.FirstOverlapping(start, end) : null;

    public void Add(T chunk)
    {
        ulong key = chunk.Start & ~PageConstants.BlockMask;
        if (!_blocks.TryGetValue(key, out Block? block))
        {
            block = _pool.TryPop(out Block? pooled) ? pooled : new Block();
            block.Assign(key);
            _blocks.Add(key, block);
        }

        block.Set(chunk, chunk);
        Count++;
    }

    public void Remove(T chunk)
    {
        ulong key = chunk.Start & ~PageConstants.BlockMask;
        if (!_blocks.TryGetValue(key, out Block? block) || !ReferenceEquals(block.Find(chunk.Start), chunk))
        {
            throw new InvalidOperationException($"The chunk {chunk.Start:x}, {chunk.Size} bytes, is not in the map.");
        }

        block.Set(chunk, null);
        Count--;
        if (block.IsEmpty)
        {
            _blocks.Remove(key);
            _pool.Push(block);
        }
    }

    /// <summary>Adds every chunk that overlaps <c>[start, end)</c> to a list, in no particular order of blocks.</summary>
    public void Collect(ulong start, ulong end, List<T> into)
    {
        ulong first = start & ~PageConstants.BlockMask;
        if (IsSparse(first, end))
        {
            foreach (Block block in _blocks.Values)
            {
                block.Collect(start, end, into);
            }

            return;
        }

        for (ulong at = first; at < end; at += PageConstants.BlockSize)
        {
            if (_blocks.TryGetValue(at, out Block? block))
            {
                block.Collect(start, end, into);
            }
        }
    }

    /// <summary>Whether looking at every block there is costs less than at every block of a range.</summary>
    private bool IsSparse(ulong start, ulong end) => (end - start) / PageConstants.BlockSize > (ulong)_blocks.Count;

    /// <summary>
    /// The chunks of one 2 MiB block: one chunk, or slots that smaller chunks fill, one for each 64 KiB and, where there are chunks of 4 KiB,
    /// one for each of those.
    /// </summary>
    private sealed class Block
    {
        private const int PartShift = 16;

        private ulong _start;
        private T? _whole;
        private T?[]? _parts;
        private T?[]? _pages;
        private int _chunks;

        public bool IsEmpty => _whole is null && _chunks == 0;

        private ulong LastByte => _start | PageConstants.BlockMask;

        /// <summary>Gives an empty block its place.</summary>
        public void Assign(ulong start) => _start = start;

        public T? Find(ulong address) =>
            _whole ?? _parts?[SlotOf(address, PartShift)] ?? _pages?[SlotOf(address, PageConstants.PageShift)];

        public bool Overlaps(ulong start, ulong end)
        {
            if (!Touches(start, end))
            {
                return false;
            }

            return _whole is not null
                || (_chunks != 0 && FirstOverlapping(start, end) is not null);
        }

        public void Set(T chunk, T? value)
        {
            switch (chunk.Size)
            {
                case PageConstants.BlockSize:
                    _whole = value;
                    return;
                case PageConstants.Chunk64K:
                    _parts ??= new T?[PageConstants.BlockSize >> PartShift];
                    _parts[SlotOf(chunk.Start, PartShift)] = value;
                    break;
                default:
                    _pages ??= new T?[PageConstants.BlockPages];
                    _pages[SlotOf(chunk.Start, PageConstants.PageShift)] = value;
                    break;
            }

            _chunks += value is null ? -1 : 1;
        }

        public void Collect(ulong start, ulong end, List<T> into)
        {
            if (!Touches(start, end))
            {
                return;
            }

            if (_whole is not null)
            {
                into.Add(_whole);
                return;
            }

            if (_chunks != 0)
            {
                AddEach(Slots(_parts, start, end, PartShift), into);
                AddEach(Slots(_pages, start, end, PageConstants.PageShift), into);
            }
        }

        public T? FirstOverlapping(ulong start, ulong end) =>
            _whole ?? FirstOf(Slots(_parts, start, end, PartShift)) ?? FirstOf(Slots(_pages, start, end, PageConstants.PageShift));

        private static T? FirstOf(ReadOnlySpan<T?> slots)
        {
            foreach (T? chunk in slots)
            {
                if (chunk is not null)
                {
                    return chunk;
                }
            }

            return null;
        }

        private static void AddEach(ReadOnlySpan<T?> slots, List<T> into)
        {
            foreach (T? chunk in slots)
            {
                if (chunk is not null)
                {
                    into.Add(chunk);
                }
            }
        }

        private static int SlotOf(ulong address, int shift) => (int)((address & PageConstants.BlockMask) >> shift);

        private bool Touches(ulong start, ulong end) => _start < end && start <= LastByte;

        /// <summary>The slots that a range touches: what fills one of them overlaps the range, and no chunk has to be asked where it lies.</summary>
        private ReadOnlySpan<T?> Slots(T?[]? slots, ulong start, ulong end, int shift)
        {
            if (slots is null)
            {
                return [];
            }

            int first = start <= _start ? 0 : SlotOf(start, shift);
            int last = end > LastByte ? slots.Length - 1 : SlotOf(end - 1, shift);
            return new ReadOnlySpan<T?>(slots, first, last - first + 1);
        }
    }
}
