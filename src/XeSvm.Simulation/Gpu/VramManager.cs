using System.Numerics;
using System.Runtime.InteropServices;

namespace XeSvm.Simulation.Gpu;

/// <summary>
/// Hands out contiguous VRAM: a buddy allocator, as the kernel's drm_buddy is. An allocation is rounded up to whole pages only: what a
/// power-of-two block has too much goes back at once. Lowest address first, so that the same requests give the same offsets.
/// Book-keeping is native memory that is committed where blocks start. Safe from any thread.
/// </summary>
internal sealed unsafe class VramManager : IDisposable
{
    private const ulong SmallestPageSize = 4096;
    private const ulong AlignmentLimit = 2UL << 20;

    // State of the page at which an allocated block starts; 0 everywhere else.
    private const byte Head = 0x80;
    private const byte Continued = 0x40;
    private const byte OrderMask = 0x3f;

    private readonly MonitorLock _lock = new();
    private readonly SummaryBitmap[] _free;
    private readonly int _pageShift;
    private readonly long _pages;
    private byte* _state;
    private long _usedPages;

    /// <param name="size">VRAM in bytes; a multiple of the page size, not 0.</param>
    /// <param name="pageSize">Smallest unit in bytes; a power of two of at least 4 KiB.</param>
    public VramManager(ulong size, ulong pageSize = SmallestPageSize)
    {
        if (!BitOperations.IsPow2(pageSize) || pageSize < SmallestPageSize)
        {
            throw new ArgumentOutOfRangeException(nameof(pageSize), pageSize, "The page size must be a power of two of at least 4096 bytes.");
        }

        if (size == 0 || size % pageSize != 0)
        {
            throw new ArgumentOutOfRangeException(nameof(size), size, "The VRAM size must be a multiple of the page size, and not 0.");
        }

        _pageShift = BitOperations.Log2(pageSize);
        _pages = (long)(size >> _pageShift);
        _free = new SummaryBitmap[BitOperations.Log2((ulong)_pages) + 1];
        for (int order = 0; order < _free.Length; order++)
        {
            _free[order] = new SummaryBitmap(_pages >> order);
        }

        _state = (byte*)NativeMemory.AllocZeroed((nuint)_pages);
        Release(0, _pages);
    }

    ~VramManager() => ReleaseNative();

    /// <summary>Smallest unit in bytes.</summary>
    public ulong PageSize => 1UL << _pageShift;

    /// <summary>All VRAM in bytes.</summary>
    public ulong Total => (ulong)_pages << _pageShift;

    /// <summary>Allocated bytes.</summary>
    public ulong Used => (ulong)Volatile.Read(ref _usedPages) << _pageShift;

    /// <summary>
    /// Allocates contiguous VRAM, aligned to the size rounded up to a power of two; more than 2 MiB is put where only 2 MiB alignment
    /// can be had before it fails. False when there is no such place: the driver then evicts, or answers -ENOMEM.
    /// </summary>
    /// <param name="size">Bytes; rounded up to whole pages. Not 0.</param>
    /// <param name="offset">The offset of the first byte in VRAM.</param>
    public bool TryAllocate(ulong size, out ulong offset)
    {
        ArgumentOutOfRangeException.ThrowIfZero(size);
        offset = 0;
        if (size > Total)
        {
            return false;
        }

        long count = (long)((size + PageSize - 1) >> _pageShift);
        lock (_lock)
        {
            long start = FindBlock(count);
            if (start < 0)
            {
                start = FindRun(count);
            }

            if (start < 0)
            {
                return false;
            }

            Claim(start, count);
            _usedPages += count;
            offset = (ulong)start << _pageShift;
            return true;
        }
    }

    /// <summary>Frees an allocation and returns its size in bytes.</summary>
    /// <param name="offset">The offset that <see cref="TryAllocate"/> gave.</param>
    /// <exception cref="InvalidOperationException">No allocation starts there: a double free, or never allocated.</exception>
    public ulong Free(ulong offset)
    {
        lock (_lock)
        {
            long page = (long)(offset >> _pageShift);
            if (offset >= Total || offset % PageSize != 0 || (_state[page] & Head) == 0)
            {
                throw new InvalidOperationException($"No VRAM allocation starts at offset 0x{offset:x}: freed twice, or never allocated.");
            }

            long count = 0;
            do
            {
                int order = _state[page] & OrderMask;
                _state[page] = 0;
                InsertFree(order, page >> order);
                count += 1L << order;
                page += 1L << order;
            }
            while (page < _pages && (_state[page] & Continued) != 0);

            _usedPages -= count;
            return (ulong)count << _pageShift;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (SummaryBitmap bitmap in _free)
        {
            bitmap.Dispose();
        }

        ReleaseNative();
        GC.SuppressFinalize(this);
    }

    /// <summary>The smallest free block that holds the pages, the lowest of its size.</summary>
    private long FindBlock(long count)
    {
        for (int order = CeilingOrder(count); order < _free.Length; order++)
        {
            long index = _free[order].FindNext(0);
            if (index >= 0)
            {
                return index << order;
            }
        }

        return -1;
    }

    /// <summary>
    /// A run of neighbouring free blocks that together hold the pages, as drm_buddy looks for when no single block is large enough. Only
    /// for more than 2 MiB: below that the scan would be over many small blocks, for little. A run of n pages has an aligned block of at
    /// least half of the largest power of two in n, and there is none larger than that power, or one block would have done.
    /// </summary>
    private long FindRun(long count)
    {
        long alignment = (long)Math.Max(AlignmentLimit >> _pageShift, 1);
        int floorOrder = BitOperations.Log2((ulong)count);
        if (count <= alignment)
        {
            return -1;
        }

        for (int order = Math.Min(floorOrder, _free.Length - 1); order >= floorOrder - 1; order--)
        {
            SummaryBitmap free = _free[order];
            for (long index = free.FindNext(0); index >= 0; index = free.FindNext(index + 1))
            {
                long start = FirstOfRun(index << order) + alignment - 1;
                start -= start % alignment;
                if (EndOfRun((index + 1) << order) - start >= count)
                {
                    return start;
                }
            }
        }

        return -1;
    }

    private long FirstOfRun(long page)
    {
        while (page > 0 && FreeOrderEndingAt(page) is >= 0 and int order)
        {
            page -= 1L << order;
        }

        return page;
    }

    private long EndOfRun(long page)
    {
        while (page < _pages && FreeOrderStartingAt(page) is >= 0 and int order)
        {
            page += 1L << order;
        }

        return page;
    }

    private int FreeOrderStartingAt(long page)
    {
        int order = Math.Min(BitOperations.TrailingZeroCount((ulong)page | 1UL << (_free.Length - 1)), _free.Length - 1);
        while (order >= 0 && !_free[order].Test(page >> order))
        {
            order--;
        }

        return order;
    }

    private int FreeOrderEndingAt(long page)
    {
        int order = Math.Min(BitOperations.TrailingZeroCount((ulong)page), _free.Length - 1);
        while (order >= 0 && !_free[order].Test((page >> order) - 1))
        {
            order--;
        }

        return order;
    }

    /// <summary>Takes pages out of the free blocks that hold them and marks them as one allocation.</summary>
    private void Claim(long start, long count)
    {
        long end = start + count;
        for (long page = start; page < end;)
        {
            int order = OrderOfFreeBlockAround(page);
            long blockStart = page >> order << order;
            long blockEnd = blockStart + (1L << order);
            _free[order].Clear(page >> order);
            Release(blockStart, page);
            Release(Math.Min(end, blockEnd), blockEnd);
            page = blockEnd;
        }

        byte role = Head;
        for (long page = start; page < end;)
        {
            int order = LargestBlockAt(page, end);
            _state[page] = (byte)(role | order);
            role = Continued;
            page += 1L << order;
        }
    }

    /// <summary>Makes pages free as the largest blocks they form.</summary>
    private void Release(long start, long end)
    {
        while (start < end)
        {
            int order = LargestBlockAt(start, end);
            InsertFree(order, start >> order);
            start += 1L << order;
        }
    }

    private void InsertFree(int order, long index)
    {
        while (order + 1 < _free.Length && _free[order].Test(index ^ 1))
        {
            _free[order].Clear(index ^ 1);
            index >>= 1;
            order++;
        }

        _free[order].Set(index);
    }

    private int OrderOfFreeBlockAround(long page)
    {
        int order = 0;
        while (!_free[order].Test(page >> order))
        {
            order++;
        }

        return order;
    }

    private static int LargestBlockAt(long page, long end)
    {
        int fits = BitOperations.Log2((ulong)(end - page));
        return page == 0 ? fits : Math.Min(fits, BitOperations.TrailingZeroCount(page));
    }

    private static int CeilingOrder(long count) => count <= 1 ? 0 : BitOperations.Log2((ulong)(count - 1)) + 1;

    private void ReleaseNative()
    {
        NativeMemory.Free(_state);
        _state = null;
    }
}
