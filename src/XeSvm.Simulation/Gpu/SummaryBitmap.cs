using System.Numerics;
using System.Runtime.InteropServices;

namespace XeSvm.Simulation.Gpu;

/// <summary>
/// A bitmap whose upper levels say which words below hold a set bit, so that the first set bit is found in one step per level.
/// Native memory that is committed page by page as bits are set. Not thread-safe.
/// </summary>
internal sealed unsafe class SummaryBitmap : IDisposable
{
    private const int BitsPerWord = 64;
    private const int WordShift = 6;

    private readonly long[] _levelStart;
    private ulong* _words;

    public SummaryBitmap(long length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        Length = length;
        var starts = new List<long>();
        long total = 0;
        long bits = Math.Max(length, 1);
        do
        {
            bits = (bits + BitsPerWord - 1) >> WordShift;
            starts.Add(total);
            total += bits;
        }
        while (bits > 1);

        _levelStart = [.. starts];
        _words = (ulong*)NativeMemory.AllocZeroed((nuint)total, sizeof(ulong));
    }

    ~SummaryBitmap() => Release();

    /// <summary>How many bits there are.</summary>
    public long Length { get; }

    /// <summary>Whether a bit is set; false beyond the end.</summary>
    public bool Test(long index) =>
        (ulong)index < (ulong)Length && (_words[index >> WordShift] >> (int)(index & (BitsPerWord - 1)) & 1) != 0;

    /// <summary>Sets a bit.</summary>
    public void Set(long index)
    {
        foreach (long start in _levelStart)
        {
            ref ulong word = ref _words[start + (index >> WordShift)];
            bool summarised = word != 0;
            word |= 1UL << (int)(index & (BitsPerWord - 1));
            if (summarised)
            {
                return;
            }

            index >>= WordShift;
        }
    }

    /// <summary>Clears a bit.</summary>
    public void Clear(long index)
    {
        foreach (long start in _levelStart)
        {
            ref ulong word = ref _words[start + (index >> WordShift)];
            word &= ~(1UL << (int)(index & (BitsPerWord - 1)));
            if (word != 0)
            {
                return;
            }

            index >>= WordShift;
        }
    }

    /// <summary>The first set bit at or after an index, or -1.</summary>
    public long FindNext(long from)
    {
        if ((ulong)from >= (ulong)Length)
        {
            return -1;
        }

        // Climb until a word holds a set bit at or after the position, then descend to the lowest bit below it.
        long position = from;
        for (int level = 0; level < _levelStart.Length; level++)
        {
            long wordIndex = position >> WordShift;
            ulong word = _words[_levelStart[level] + wordIndex] & (ulong.MaxValue << (int)(position & (BitsPerWord - 1)));
            if (word != 0)
            {
                return Descend(level, (wordIndex << WordShift) + BitOperations.TrailingZeroCount(word));
            }

            position = wordIndex + 1;
            if (level + 1 < _levelStart.Length && position >> WordShift >= LevelWords(level + 1))
            {
                return -1;
            }
        }

        return -1;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Release();
        GC.SuppressFinalize(this);
    }

    private long LevelWords(int level) =>
        level + 1 < _levelStart.Length ? _levelStart[level + 1] - _levelStart[level] : 1;

    private long Descend(int level, long position)
    {
        while (--level >= 0)
        {
            ulong word = _words[_levelStart[level] + position];
            position = (position << WordShift) + BitOperations.TrailingZeroCount(word);
        }

        return position;
    }

    private void Release()
    {
        NativeMemory.Free(_words);
        _words = null;
    }
}
