using XeSvm.Simulation.Dma;
using XeSvm.Simulation.Iommu;

namespace XeSvm.Simulation.Peers.Mapping;

/// <summary>
/// A device's addresses of up to 2 MiB of memory that lies in another's VRAM (drm_gpusvm_pages with patch 11). At most one live cookie: an
/// invalidation only unlinks, under the notifier lock; the cookie stays and is freed outside of it, when pages are fetched again or given
/// up. The caller keeps the locks.
/// </summary>
/// <param name="topology">The machine.</param>
/// <param name="iova">How addresses are made.</param>
/// <param name="linksRuns">Whether contiguous memory is linked by one call (a broker sees the whole list), and not folio by folio.</param>
internal sealed class PeerRangeMapping(PeerTopology topology, PagemapIova iova, bool linksRuns = false)
{
    private BusAddress[] _addresses = [];
    private PeerPort? _target;
    private PeerPort? _initiator;
    private PeerCookie _cookie;
    private ulong _linked;
    private int _pages;
    private bool _mapped;

    /// <summary>Whether there are addresses now.</summary>
    public bool IsMapped => Volatile.Read(ref _mapped);

    /// <summary>Whether a cookie is held, linked or not.</summary>
    public bool HasCookie => _cookie.IsLive;

    /// <summary>Whose memory it is prepared for; null when it is not.</summary>
    public PeerPort? Target => _target;

    /// <summary>The addresses, one for each page, while <see cref="IsMapped"/>.</summary>
    public ReadOnlySpan<BusAddress> Addresses => _addresses.AsSpan(0, _pages);

    /// <summary>Gets a cookie for a target's memory, if one is needed and to be had. Not under the notifier lock; nothing may be held.</summary>
    /// <returns>0, or the error of device_iova_alloc.</returns>
    public int Prepare(PeerPort target, PeerPort initiator, int pages, ref PeerWork work)
    {
        int result = iova.Alloc(target, initiator, (ulong)pages << IoEntry.PageShift, DmaDirection.Bidirectional, ref work, out _cookie);
        if (result == 0)
        {
            (_target, _initiator, _pages) = (target, initiator, pages);
            if (_addresses.Length < pages)
            {
                _addresses = new BusAddress[pages];
            }
        }

        return result;
    }

    /// <summary>Makes addresses of contiguous VRAM of the target. Under the notifier lock.</summary>
    /// <returns>0, or a negative errno: then nothing is mapped.</returns>
    public int Map(ulong vramOffset, ref PeerWork work)
    {
        int result = _cookie.IsLive && linksRuns ? LinkRun(vramOffset, ref work) : MapEach(vramOffset, ref work);
        if (result == 0 && _cookie.IsLive)
        {
            result = iova.Sync(ref _cookie, _linked, ref work);
        }

        Volatile.Write(ref _mapped, true);
        if (result < 0)
        {
            Unmap(ref work);
        }

        return result;
    }

    /// <summary>Makes the addresses useless; the cookie stays. Under the notifier lock; does nothing when nothing is mapped.</summary>
    public void Unmap(ref PeerWork work)
    {
        if (!_mapped)
        {
            return;
        }

        if (_linked > 0)
        {
            iova.Unlink(ref _cookie, _linked, DmaDirection.Bidirectional, ref work);
            _linked = 0;
        }
        else if (!_cookie.IsLive)
        {
            foreach (ref BusAddress address in _addresses.AsSpan(0, _pages))
            {
                if (address.IsValid)
                {
                    DeviceMap.Unmap(_target!, _initiator!, in address, ref work);
                }
            }
        }

        Array.Clear(_addresses);
        Volatile.Write(ref _mapped, false);
    }

    /// <summary>Gives the cookie back. Nothing is mapped; not under the notifier lock.</summary>
    public void Free(ref PeerWork work)
    {
        if (_cookie.IsLive)
        {
            iova.Free(ref _cookie, ref work);
        }

        _target = null;
    }

    private int LinkRun(ulong vramOffset, ref PeerWork work)
    {
        ulong bytes = (ulong)_pages << IoEntry.PageShift;
        int result = iova.LinkRun(_target!, vramOffset, bytes, 0, ref _cookie, DmaDirection.Bidirectional, ref work);
        if (result < 0)
        {
            return result;
        }

        _linked = bytes;
        for (int i = 0; i < _pages; i++)
        {
            ulong address = _cookie.Iova.Address + ((ulong)i << IoEntry.PageShift);
            _addresses[i] = new BusAddress(_cookie.Space, address, 0, DmaDirection.Bidirectional, _cookie.Route);
        }

        return 0;
    }

    private int MapEach(ulong vramOffset, ref PeerWork work)
    {
        int result = 0;
        for (int i = 0; i < _pages && result == 0; i++)
        {
            PeerPage page = new(vramOffset + ((ulong)i << IoEntry.PageShift), 0, IsHole: false);
            result = _cookie.IsLive
                ? iova.Link(_target!, in page, _linked, ref _cookie, DmaDirection.Bidirectional, ref work, out _addresses[i])
                : DeviceMap.Map(topology, _target!, _initiator!, in page, DmaDirection.Bidirectional, ref work, out _addresses[i]);
            _linked += result == 0 && _cookie.IsLive ? page.Bytes : 0;
        }

        return result;
    }
}
