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

    public void Add(T chunk)
    {
        ulong key = chunk.Start & ~PageConstants.BlockMask;
        if (!_blocks.TryGetValue(key, out Block? block))
        {
            block = _pool.TryPop(out Block? pooled) ? pooled : new Block();
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

    private sealed class Block
    {
        private T? _whole;
        private T?[]? _pages; // one per 4 KiB page, filled for every page that a smaller chunk covers
        private int _chunks;

        public bool IsEmpty => _whole is null && _chunks == 0;

        public T? Find(ulong address) =>
            _whole ?? _pages?[(int)((address & PageConstants.BlockMask) >> PageConstants.PageShift)];

        public bool Overlaps(ulong start, ulong end)
        {
            if (_whole is not null)
            {
                return _whole.Start < end && start < _whole.Start + _whole.Size;
            }

            if (_chunks == 0)
            {
                return false;
            }

            foreach (T? chunk in _pages!)
            {
                if (chunk is not null && chunk.Start < end && start < chunk.Start + chunk.Size)
                {
                    return true;
                }
            }

            return false;
        }

        public void Set(T chunk, T? value)
        {
            if (chunk.Size == PageConstants.BlockSize)
            {
                _whole = value;
                return;
            }

            _pages ??= new T?[PageConstants.BlockPages];
            int first = (int)((chunk.Start & PageConstants.BlockMask) >> PageConstants.PageShift);
            _pages.AsSpan(first, (int)(chunk.Size >> PageConstants.PageShift)).Fill(value!);
            _chunks += value is null ? -1 : 1;
        }

        public void Collect(ulong start, ulong end, List<T> into)
        {
            if (_whole is not null)
            {
                if (_whole.Start < end && start < _whole.Start + _whole.Size)
                {
                    into.Add(_whole);
                }

                return;
            }

            if (_chunks == 0)
            {
                return;
            }

            T? last = null;
            foreach (T? chunk in _pages!)
            {
                if (chunk is not null && !ReferenceEquals(chunk, last) && chunk.Start < end && start < chunk.Start + chunk.Size)
                {
                    into.Add(chunk);
                }

                last = chunk;
            }
        }
    }
}
