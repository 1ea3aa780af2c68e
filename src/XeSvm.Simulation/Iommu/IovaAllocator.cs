using System.Numerics;
using XeSvm.Simulation.Cost;

namespace XeSvm.Simulation.Iommu;

/// <summary>
/// I/O virtual addresses of one domain, in pages: magazines of each processor for blocks of up to 32 pages, a tree for what they do not
/// have and for larger blocks. Thread-safe (iova.c: alloc_iova_fast, free_iova_fast).
/// </summary>
internal sealed class IovaAllocator : IDisposable
{
    /// <summary>First page above 4 GiB.</summary>
    public const ulong Page4G = 1UL << 20;

    /// <summary>Size classes of the magazines: 1, 2, 4 ... 32 pages (IOVA_RANGE_CACHE_MAX_SIZE).</summary>
    public const int CacheClasses = 6;

    /// <summary>Pages of the interrupt window, which no device may use for DMA: 0xfee00000 to 0xfeefffff.</summary>
    private const ulong InterruptWindowPage = 0xfee00;

    private const ulong InterruptWindowPages = 0x100;

    private static readonly TimeSpan s_depotDelay = TimeSpan.FromMilliseconds(100);

    private readonly IovaTree _tree = new(firstPage: 1);
    private readonly Lock _treeLock = new();
    private readonly IovaRangeCache[] _caches = new IovaRangeCache[CacheClasses];
    private readonly Action<ulong> _release;
    private readonly Lock _background;
    private readonly int _processors;
    private readonly Timer? _depotTimer;
    private int _depotTimerArmed;
    private bool _disposed;

    /// <summary>The smallest size that last failed below 4 GiB; requests of it or more fail at once until something there is freed.</summary>
    private ulong _failedBelow4G = ulong.MaxValue;

    /// <summary>An allocator of an empty space.</summary>
    /// <param name="processors">Processors with magazines of their own.</param>
    /// <param name="timers">Whether the depot worker runs by itself.</param>
    /// <param name="background">Held while the depot worker works; null: a lock of its own.</param>
    public IovaAllocator(int processors, bool timers, Lock? background = null)
    {
        _background = background ?? new Lock();
        _processors = processors;
        _release = ReleaseToTree;
        for (int i = 0; i < CacheClasses; i++)
        {
            _caches[i] = new IovaRangeCache(processors);
        }

        _tree.Reserve(InterruptWindowPage, InterruptWindowPages);
        _depotTimer = timers ? new Timer(static self => ((IovaAllocator)self!).TrimDepots(), this, Timeout.Infinite, Timeout.Infinite) : null;
    }

    /// <summary>Pages that the tree holds: given out, cached in magazines, and reserved windows.</summary>
    public ulong TreePages
    {
        get
        {
            lock (_treeLock)
            {
                return _tree.Pages;
            }
        }
    }

    /// <summary>Pages of reserved windows.</summary>
    public static ulong ReservedPages => InterruptWindowPages;

    /// <summary>Number of blocks in the tree, the reserved window included.</summary>
    public int TreeBlocks
    {
        get
        {
            lock (_treeLock)
            {
                return _tree.Count;
            }
        }
    }

    /// <summary>Pages that a request takes: sizes that fit a magazine are rounded up to a power of two.</summary>
    public static ulong RoundUp(ulong pages) => pages < 1UL << (CacheClasses - 1) ? BitOperations.RoundUpToPowerOf2(pages) : pages;

    /// <summary>Allocates a block, aligned to its size rounded up to a power of two.</summary>
    /// <param name="pages">Pages, at least 1.</param>
    /// <param name="lastPage">Highest page that the block may contain.</param>
    /// <param name="flushCaches">Whether a failure empties all magazines and tries once more.</param>
    /// <param name="work">Counts the allocation.</param>
    /// <returns>The first page; 0 when the space is exhausted.</returns>
    public ulong Allocate(ulong pages, ulong lastPage, bool flushCaches, ref DmaWork work)
    {
        pages = RoundUp(pages);
        int sizeClass = SizeClass(pages);
        if (sizeClass < CacheClasses)
        {
            ulong cached = _caches[sizeClass].Get(Processor, lastPage - (pages - 1));
            if (cached != 0)
            {
                work.IovaAllocMagazine++;
                return cached;
            }
        }

        ulong page = AllocateFromTree(pages, lastPage);
        if (page == 0 && flushCaches)
        {
            FlushCaches();
            page = AllocateFromTree(pages, lastPage);
        }

        work.IovaAllocTree += page == 0 ? 0UL : 1UL;
        return page;
    }

    /// <summary>Gives a block back; false when no such block was given out (seen for blocks above 32 pages only, as in the kernel).</summary>
    public bool Free(ulong page, ulong pages, ref DmaWork work)
    {
        pages = RoundUp(pages);
        int sizeClass = SizeClass(pages);
        if (sizeClass < CacheClasses)
        {
            work.IovaFree++;
            if (_caches[sizeClass].Put(Processor, page))
            {
                ArmDepotTimer();
            }

            return true;
        }

        bool freed = FreeInTree(page);
        work.IovaFree += freed ? 1UL : 0UL;
        return freed;
    }

    /// <summary>Empties every magazine into the tree.</summary>
    public void FlushCaches()
    {
        foreach (IovaRangeCache cache in _caches)
        {
            cache.Flush(_release);
        }
    }

    /// <summary>
    /// The depot worker: each size class with more full magazines than processors gives one back; repeats every 100 ms while there are more.
    /// </summary>
    public void TrimDepots()
    {
        Volatile.Write(ref _depotTimerArmed, 0);
        lock (_background)
        {
            bool more = false;
            foreach (IovaRangeCache cache in _caches)
            {
                if (cache.TakeSurplus(_processors) is { } magazine)
                {
                    cache.Recycle(magazine, _release);
                    more = true;
                }
            }

            if (more && !_disposed)
            {
                ArmDepotTimer();
            }
        }
    }

    /// <summary>Names every cached block as (first page, pages); audit, the domain must be quiet.</summary>
    public void VisitCached(Action<ulong, ulong> visit)
    {
        for (int i = 0; i < CacheClasses; i++)
        {
            ulong pages = 1UL << i;
            _caches[i].Visit(page => visit(page, pages));
        }
    }

    /// <summary>Whether a page belongs to a block that the tree holds, and which (audit).</summary>
    public bool TryFind(ulong page, out ulong start, out ulong pages)
    {
        lock (_treeLock)
        {
            return _tree.TryFind(page, out start, out pages);
        }
    }

    /// <summary>Checks the tree's inner order (audit).</summary>
    /// <exception cref="InvalidOperationException">The tree is damaged.</exception>
    public void Verify()
    {
        lock (_treeLock)
        {
            _tree.Verify();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_background)
        {
            _disposed = true;
        }

        _depotTimer?.Dispose();
    }

    private static int SizeClass(ulong pages) =>
        pages <= 1UL << (CacheClasses - 1) ? BitOperations.Log2(pages) : CacheClasses;

    private int Processor => Thread.GetCurrentProcessorId() % _processors;

    private ulong AllocateFromTree(ulong pages, ulong lastPage)
    {
        lock (_treeLock)
        {
            bool below4G = lastPage < Page4G;
            if (below4G && pages >= _failedBelow4G)
            {
                return 0;
            }

            ulong page = _tree.Allocate(pages, lastPage);
            if (page == 0 && below4G)
            {
                _failedBelow4G = pages;
            }

            return page;
        }
    }

    private void ReleaseToTree(ulong page) => FreeInTree(page);

    private bool FreeInTree(ulong page)
    {
        lock (_treeLock)
        {
            bool freed = _tree.Free(page, out _);
            if (freed && page < Page4G)
            {
                _failedBelow4G = ulong.MaxValue;
            }

            return freed;
        }
    }

    private void ArmDepotTimer()
    {
        if (_depotTimer is not null && Interlocked.Exchange(ref _depotTimerArmed, 1) == 0)
        {
            _depotTimer.Change(s_depotDelay, Timeout.InfiniteTimeSpan);
        }
    }
}
