using System.Numerics;

namespace XeSvm.Simulation.Iommu;

/// <summary>
/// Translations that the IOMMU has cached: direct-mapped, read without a lock. An entry stays until it is invalidated or another
/// address takes its place, also when the page table says otherwise meanwhile; that is the window which lazy mode leaves open.
/// </summary>
internal sealed class IoTlb
{
    private const ulong KeyBit = 1UL << 63;
    private const ulong LargeKeyBit = 1UL << 62;

    // Two words an entry: the key xor a hash of the value, and the value. A torn pair yields a key that nobody asks for.
    private readonly ulong[] _words;
    private readonly Lock _lock = new();
    private readonly ulong _indexMask;
    private long _generation;

    public IoTlb(int entries)
    {
        _words = new ulong[entries * 2];
        _indexMask = (ulong)entries - 1;
    }

    /// <summary>Counts invalidations. A walk during which it changed must not be cached and is not trusted.</summary>
    public long Generation => Volatile.Read(ref _generation);

    /// <summary>The cached leaf that translates an address.</summary>
    public bool TryGet(ulong address, out ulong entry, out int level)
    {
        level = 1;
        if (TryGetKey(Key(address, 1), out entry))
        {
            return true;
        }

        level = 2;
        return TryGetKey(Key(address, 2), out entry);
    }

    /// <summary>Caches a leaf; false when an invalidation came between: the leaf is not cached and the walk must be done again.</summary>
    public bool TryAdd(ulong address, ulong entry, int level, long generation)
    {
        ulong key = Key(address, level);
        int slot = Slot(key);
        lock (_lock)
        {
            if (_generation != generation)
            {
                return false;
            }

            Volatile.Write(ref _words[slot], key ^ Hash(entry));
            Volatile.Write(ref _words[slot + 1], entry);
            return true;
        }
    }

    /// <summary>Drops what is cached for some pages.</summary>
    public void Invalidate(ulong firstPage, ulong pages)
    {
        if (pages > _indexMask)
        {
            InvalidateAll();
            return;
        }

        lock (_lock)
        {
            Interlocked.Increment(ref _generation);
            for (ulong page = firstPage; page < firstPage + pages; page++)
            {
                RemoveKey(KeyBit | page);
            }

            for (ulong large = firstPage >> 9; large <= (firstPage + pages - 1) >> 9; large++)
            {
                RemoveKey(KeyBit | LargeKeyBit | large);
            }
        }
    }

    /// <summary>Drops everything.</summary>
    public void InvalidateAll()
    {
        lock (_lock)
        {
            Interlocked.Increment(ref _generation);
            Array.Clear(_words);
        }
    }

    /// <summary>Names every cached leaf as (address, entry, level); audit.</summary>
    public void Visit(Action<ulong, ulong, int> visit)
    {
        for (int i = 0; i < _words.Length; i += 2)
        {
            ulong entry = _words[i + 1];
            ulong key = _words[i] ^ Hash(entry);
            if (_words[i] == 0 || (key & KeyBit) == 0)
            {
                continue;
            }

            int level = (key & LargeKeyBit) != 0 ? 2 : 1;
            visit((key & ~(KeyBit | LargeKeyBit)) << IoEntry.Shift(level), entry, level);
        }
    }

    private static ulong Key(ulong address, int level) =>
        (address >> IoEntry.Shift(level)) | KeyBit | (level > 1 ? LargeKeyBit : 0);

    private static ulong Hash(ulong value) => BitOperations.RotateRight(value * 0x9e3779b97f4a7c15, 29) & ~KeyBit;

    private int Slot(ulong key)
    {
        // Large pages start half-way round, so that they do not fight with the first pages of their own blocks.
        ulong index = (key & LargeKeyBit) != 0 ? key + ((_indexMask + 1) >> 1) : key;
        return (int)(index & _indexMask) * 2;
    }

    private bool TryGetKey(ulong key, out ulong entry)
    {
        int slot = Slot(key);
        ulong first = Volatile.Read(ref _words[slot]);
        entry = Volatile.Read(ref _words[slot + 1]);
        return (first ^ Hash(entry)) == key;
    }

    private void RemoveKey(ulong key)
    {
        int slot = Slot(key);
        if ((_words[slot] ^ Hash(_words[slot + 1])) == key)
        {
            Volatile.Write(ref _words[slot], 0);
        }
    }
}
