using XeSvm.Simulation.Cost;

namespace XeSvm.Simulation.Iommu;

/// <summary>
/// Lazy mode's queues of unmapped addresses, one for each processor: an address and the tables below it may be used again after a
/// domain-wide flush, done when a queue is full or by a timer (dma-iommu.c: queue_iova, fq_flush_timeout).
/// </summary>
internal sealed class FlushQueue : IDisposable
{
    /// <summary>Slots of a queue (IOVA_DEFAULT_FQ_SIZE); one stays empty.</summary>
    public const int Slots = 256;

    private static readonly TimeSpan s_timeout = TimeSpan.FromMilliseconds(10);

    private readonly Ring[] _rings;
    private readonly IovaAllocator _allocator;
    private readonly IoPageTable _table;
    private readonly InvalidationQueue _invalidations;
    private readonly OperationCounters? _deferred;
    private readonly Lock _background;
    private readonly Timer? _timer;
    private long _flushesStarted;
    private long _flushesFinished;
    private int _timerArmed;
    private bool _disposed;

    /// <summary>The empty queues of a domain.</summary>
    /// <param name="options">Processors, and whether the timer runs by itself.</param>
    /// <param name="allocator">Takes flushed addresses back.</param>
    /// <param name="table">Takes flushed tables back.</param>
    /// <param name="invalidations">Flushes the domain.</param>
    /// <param name="deferred">Counts the timer's work.</param>
    /// <param name="background">Held while the timer works.</param>
    public FlushQueue(
        IommuOptions options,
        IovaAllocator allocator,
        IoPageTable table,
        InvalidationQueue invalidations,
        OperationCounters? deferred,
        Lock background)
    {
        _background = background;
        _allocator = allocator;
        _table = table;
        _invalidations = invalidations;
        _deferred = deferred;
        _rings = new Ring[options.Processors];
        for (int i = 0; i < _rings.Length; i++)
        {
            _rings[i] = new Ring();
        }

        _timer = options.Timers ? new Timer(static self => ((FlushQueue)self!).RunTimer(), this, Timeout.Infinite, Timeout.Infinite) : null;
    }

    /// <summary>Queues a cleared block and its detached tables.</summary>
    public void Add(ulong page, ulong pages, in IoTableList detached, ref DmaWork work)
    {
        Ring ring = _rings[Thread.GetCurrentProcessorId() % _rings.Length];
        lock (ring.Lock)
        {
            // What another processor's flush has covered goes first: the queue may then not be full.
            FreeFlushed(ring, ref work);

            // A flush that another processor has begun, but not finished, keeps entries that were queued meanwhile from being freed by
            // the count of finished ones alone: flush again then. (The kernel has BUG_ON for a queue that is full all the same.)
            while (ring.IsFull)
            {
                FlushDomain(ref work);
                FreeFlushed(ring, ref work);
            }

            ring.Push(new Entry(page, pages, detached, Volatile.Read(ref _flushesStarted)));
            work.QueueEntries++;
        }

        ArmTimer();
    }

    /// <summary>The timer's work: one flush of the domain, then every queue is emptied.</summary>
    public void RunTimer()
    {
        Volatile.Write(ref _timerArmed, 0);
        DmaWork work = default;
        lock (_background)
        {
            // A callback that was under way when the domain ended must not touch its memory.
            if (_disposed)
            {
                return;
            }

            FlushDomain(ref work);
            foreach (Ring ring in _rings)
            {
                lock (ring.Lock)
                {
                    FreeFlushed(ring, ref work);
                }
            }

            _deferred?.Add(DmaPurpose.Deferred, in work);
        }
    }

    /// <summary>Names every queued block as (first page, pages); audit.</summary>
    public void Visit(Action<ulong, ulong> visit)
    {
        foreach (Ring ring in _rings)
        {
            lock (ring.Lock)
            {
                ring.Visit(visit);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_background)
        {
            _disposed = true;
        }

        _timer?.Dispose();
    }

    private void FlushDomain(ref DmaWork work)
    {
        Interlocked.Increment(ref _flushesStarted);
        _invalidations.FlushDomain();
        Interlocked.Increment(ref _flushesFinished);
        work.InvalLazyFull++;
    }

    private void FreeFlushed(Ring ring, ref DmaWork work)
    {
        long finished = Volatile.Read(ref _flushesFinished);
        while (ring.TryPop(finished, out Entry entry))
        {
            _table.Release(in entry.Detached);
            _allocator.Free(entry.Page, entry.Pages, ref work);
        }
    }

    private void ArmTimer()
    {
        if (_timer is not null && Volatile.Read(ref _timerArmed) == 0 && Interlocked.Exchange(ref _timerArmed, 1) == 0)
        {
            _timer.Change(s_timeout, Timeout.InfiniteTimeSpan);
        }
    }

    private readonly struct Entry(ulong page, ulong pages, in IoTableList detached, long flushesStarted)
    {
        public readonly ulong Page = page;
        public readonly ulong Pages = pages;
        public readonly IoTableList Detached = detached;

        /// <summary>Flushes begun when the entry was queued: a later one must have finished before the address may be used again.</summary>
        public readonly long FlushesStarted = flushesStarted;
    }

    private sealed class Ring
    {
        public readonly Lock Lock = new();
        private readonly Entry[] _entries = new Entry[Slots];
        private int _head;
        private int _tail;

        public bool IsFull => (_tail + 1) % Slots == _head;

        public void Push(in Entry entry)
        {
            _entries[_tail] = entry;
            _tail = (_tail + 1) % Slots;
        }

        public bool TryPop(long flushesFinished, out Entry entry)
        {
            entry = _entries[_head];
            if (_head == _tail || entry.FlushesStarted >= flushesFinished)
            {
                return false;
            }

            _head = (_head + 1) % Slots;
            return true;
        }

        public void Visit(Action<ulong, ulong> visit)
        {
            for (int i = _head; i != _tail; i = (i + 1) % Slots)
            {
                visit(_entries[i].Page, _entries[i].Pages);
            }
        }
    }
}
