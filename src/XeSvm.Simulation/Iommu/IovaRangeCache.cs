namespace XeSvm.Simulation.Iommu;

/// <summary>
/// Free IOVA blocks of one size class: two magazines for each processor under a lock of its own, full magazines in a shared depot
/// (iova.c: iova_rcache).
/// </summary>
internal sealed class IovaRangeCache
{
    private readonly ProcessorCache[] _processors;
    private readonly Lock _depotLock = new();
    private IovaMagazine? _depot;
    private IovaMagazine? _spares;

    public IovaRangeCache(int processors)
    {
        _processors = new ProcessorCache[processors];
        for (int i = 0; i < processors; i++)
        {
            _processors[i] = new ProcessorCache();
        }
    }

    /// <summary>Full magazines in the depot.</summary>
    public int DepotSize { get; private set; }

    /// <summary>Takes a block that starts at or below a limit; 0 when the caches have none at hand.</summary>
    public ulong Get(int processor, ulong lastPage)
    {
        ProcessorCache cache = _processors[processor];
        bool taken = false;
        cache.Lock.Enter(ref taken);
        if (cache.Loaded.Count == 0 && !Refill(cache))
        {
            cache.Lock.Exit(useMemoryBarrier: false);
            return 0;
        }

        ulong page = cache.Loaded.Pop(lastPage);
        cache.Lock.Exit(useMemoryBarrier: false);
        return page;
    }

    /// <summary>Keeps a block; true when a full magazine went to the depot.</summary>
    public bool Put(int processor, ulong page)
    {
        ProcessorCache cache = _processors[processor];
        bool taken = false;
        bool deposited = false;
        cache.Lock.Enter(ref taken);
        if (cache.Loaded.IsFull)
        {
            if (!cache.Previous.IsFull)
            {
                (cache.Loaded, cache.Previous) = (cache.Previous, cache.Loaded);
            }
            else
            {
                cache.Loaded = Deposit(cache.Loaded);
                deposited = true;
            }
        }

        cache.Loaded.Push(page);
        cache.Lock.Exit(useMemoryBarrier: false);
        return deposited;
    }

    /// <summary>Takes a magazine out of the depot when it holds more than it may; null when it does not.</summary>
    public IovaMagazine? TakeSurplus(int allowed)
    {
        lock (_depotLock)
        {
            return DepotSize > allowed ? PopDepot() : null;
        }
    }

    /// <summary>Empties all caches; the blocks go to <paramref name="release"/>.</summary>
    public void Flush(Action<ulong> release)
    {
        foreach (ProcessorCache cache in _processors)
        {
            bool taken = false;
            cache.Lock.Enter(ref taken);
            Empty(cache.Loaded, release);
            Empty(cache.Previous, release);
            cache.Lock.Exit(useMemoryBarrier: false);
        }

        while (TakeSurplus(0) is { } magazine)
        {
            Recycle(magazine, release);
        }
    }

    /// <summary>Empties a magazine that <see cref="TakeSurplus"/> gave, and keeps it for reuse.</summary>
    public void Recycle(IovaMagazine magazine, Action<ulong> release)
    {
        Empty(magazine, release);
        lock (_depotLock)
        {
            magazine.Next = _spares;
            _spares = magazine;
        }
    }

    /// <summary>Names every block that the caches hold (audit; the domain must be quiet).</summary>
    public void Visit(Action<ulong> visit)
    {
        foreach (ProcessorCache cache in _processors)
        {
            VisitMagazine(cache.Loaded, visit);
            VisitMagazine(cache.Previous, visit);
        }

        for (IovaMagazine? magazine = _depot; magazine is not null; magazine = magazine.Next)
        {
            VisitMagazine(magazine, visit);
        }
    }

    private static void VisitMagazine(IovaMagazine magazine, Action<ulong> visit)
    {
        for (int i = 0; i < magazine.Count; i++)
        {
            visit(magazine[i]);
        }
    }

    private static void Empty(IovaMagazine magazine, Action<ulong> release)
    {
        while (magazine.Count > 0)
        {
            release(magazine.Pop());
        }
    }

    private bool Refill(ProcessorCache cache)
    {
        if (cache.Previous.Count > 0)
        {
            (cache.Loaded, cache.Previous) = (cache.Previous, cache.Loaded);
            return true;
        }

        lock (_depotLock)
        {
            if (_depot is null)
            {
                return false;
            }

            IovaMagazine empty = cache.Loaded;
            cache.Loaded = PopDepot();
            empty.Next = _spares;
            _spares = empty;
            return true;
        }
    }

    private IovaMagazine Deposit(IovaMagazine full)
    {
        lock (_depotLock)
        {
            full.Next = _depot;
            _depot = full;
            DepotSize++;
            IovaMagazine empty = _spares ?? new IovaMagazine();
            _spares = empty.Next;
            empty.Next = null;
            return empty;
        }
    }

    private IovaMagazine PopDepot()
    {
        IovaMagazine magazine = _depot!;
        _depot = magazine.Next;
        magazine.Next = null;
        DepotSize--;
        return magazine;
    }

    private sealed class ProcessorCache
    {
        public SpinLock Lock = new(enableThreadOwnerTracking: false);

        public IovaMagazine Loaded = new();

        public IovaMagazine Previous = new();
    }
}
