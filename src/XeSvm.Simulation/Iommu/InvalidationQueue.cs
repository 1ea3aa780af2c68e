namespace XeSvm.Simulation.Iommu;

/// <summary>
/// The IOMMU's queued-invalidation interface: a ring of 128-bit descriptors. A submission ends with a wait descriptor and returns when the
/// hardware has written its status (dmar.c: qi_submit_sync).
/// </summary>
internal sealed class InvalidationQueue
{
    /// <summary>Descriptors in the ring.</summary>
    public const int Length = 256;

    private const ulong TypeMask = 0xf;
    private const ulong TypeIotlb = 2;
    private const ulong TypeWait = 5;
    private const int GranularityShift = 4;
    private const ulong GranularityDomain = 2UL << GranularityShift;
    private const ulong GranularityPage = 3UL << GranularityShift;
    private const ulong GranularityMask = 3UL << GranularityShift;
    private const ulong StatusWrite = 1 << 5;
    private const int StatusShift = 32;
    private const ulong LeafOnlyHint = 1 << 6;
    private const ulong AddressMaskMask = 0x3f;
    private const uint StatusDone = 2;

    private readonly Lock _lock = new();
    private readonly (ulong Low, ulong High)[] _ring = new (ulong, ulong)[Length];
    private readonly IoTlb _tlb;
    private int _head;
    private int _tail;
    private uint _status;
    private long _descriptors;
    private long _submissions;

    public InvalidationQueue(IoTlb tlb) => _tlb = tlb;

    /// <summary>Descriptors processed, wait descriptors included.</summary>
    public long Descriptors => Volatile.Read(ref _descriptors);

    /// <summary>Submissions that a caller waited for.</summary>
    public long Submissions => Volatile.Read(ref _submissions);

    /// <summary>Invalidates 2^<paramref name="order"/> pages, aligned to their number, and waits.</summary>
    /// <param name="page">First page, a multiple of 2^order.</param>
    /// <param name="order">Address mask.</param>
    /// <param name="leafOnly">Whether no table was detached, so that cached tables may stay.</param>
    public void FlushPages(ulong page, int order, bool leafOnly) => Submit(
        TypeIotlb | GranularityPage, (page << IoEntry.PageShift) | (leafOnly ? LeafOnlyHint : 0) | (uint)order);

    /// <summary>Invalidates all translations of the domain, and waits.</summary>
    public void FlushDomain() => Submit(TypeIotlb | GranularityDomain, 0);

    private void Submit(ulong low, ulong high)
    {
        lock (_lock)
        {
            _status = 0;
            Put(low, high);
            Put(TypeWait | StatusWrite | ((ulong)StatusDone << StatusShift), 0);
            _submissions++;

            // The tail register is written: the hardware's turn. It works in order, so the status of the wait descriptor comes last.
            while (_status != StatusDone)
            {
                Process(_ring[_head]);
                _head = (_head + 1) % Length;
                _descriptors++;
            }
        }
    }

    private void Put(ulong low, ulong high)
    {
        _ring[_tail] = (low, high);
        _tail = (_tail + 1) % Length;
    }

    private void Process((ulong Low, ulong High) descriptor)
    {
        if ((descriptor.Low & TypeMask) == TypeWait)
        {
            _status = (uint)(descriptor.Low >> StatusShift);
        }
        else if ((descriptor.Low & GranularityMask) == GranularityDomain)
        {
            _tlb.InvalidateAll();
        }
        else
        {
            _tlb.Invalidate(descriptor.High >> IoEntry.PageShift, 1UL << (int)(descriptor.High & AddressMaskMask));
        }
    }
}
