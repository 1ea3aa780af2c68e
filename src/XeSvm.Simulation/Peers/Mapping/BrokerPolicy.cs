using XeSvm.Simulation.Dma;

namespace XeSvm.Simulation.Peers.Mapping;

/// <summary>
/// The reviewers' direction: one mapping service owns spaces and state; drivers hand it lists of pages and get addresses and a handle.
/// Since it sees the whole list it links contiguous memory at once.
/// </summary>
internal sealed class BrokerPolicy(PeerTopology topology, PagemapIova iova) : PeerMappingPolicy
{
    private readonly BrokerHandles _mappings = new();

    /// <inheritdoc/>
    public override string Name => "broker";

    /// <summary>Mappings that the service holds.</summary>
    public int Live => _mappings.Live;

    /// <inheritdoc/>
    public override int Map(
        PeerPort target,
        PeerPort initiator,
        ReadOnlySpan<PeerPage> pages,
        DmaDirection direction,
        Span<BusAddress> addresses,
        ref PeerMapping mapping,
        ref PeerWork work)
    {
        ulong bytes = 0;
        foreach (ref readonly PeerPage page in pages)
        {
            bytes += page.IsHole ? 0 : page.Bytes;
        }

        if (bytes == 0)
        {
            return 0;
        }

        int result = iova.Alloc(target, initiator, bytes, direction, ref work, out PeerCookie cookie);
        if (result < 0)
        {
            return result;
        }

        if (!cookie.IsLive)
        {
            return MapEach(topology, target, initiator, pages, direction, addresses, ref mapping, ref work);
        }

        BrokerEntry entry = _mappings.Add(in cookie);
        mapping.Handle = entry.Handle;
        mapping.Mapped = true;
        result = LinkRuns(entry, target, pages, direction, addresses, ref work);
        return result < 0 ? result : iova.Sync(ref entry.Cookie, entry.Linked, ref work);
    }

    /// <inheritdoc/>
    public override void Unmap(
        PeerPort target, PeerPort initiator, Span<BusAddress> addresses, DmaDirection direction, ref PeerMapping mapping, ref PeerWork work)
    {
        if (!mapping.Mapped)
        {
            return;
        }

        if (mapping.Handle == 0)
        {
            UnmapEach(target, initiator, addresses, ref mapping, ref work);
            return;
        }

        if (_mappings.Take(mapping.Handle) is { } entry)
        {
            if (entry.Linked > 0)
            {
                iova.Unlink(ref entry.Cookie, entry.Linked, direction, ref work);
            }

            iova.Free(ref entry.Cookie, ref work);
            _mappings.Remove(entry);
        }

        addresses.Clear();
        mapping = default;
    }

    private int LinkRuns(
        BrokerEntry entry, PeerPort target, ReadOnlySpan<PeerPage> pages, DmaDirection direction, Span<BusAddress> addresses, ref PeerWork work)
    {
        ulong start = 0;
        ulong bytes = 0;
        for (int i = 0; i < pages.Length; i++)
        {
            ref readonly PeerPage page = ref pages[i];
            if (page.IsHole)
            {
                continue;
            }

            if (bytes != 0 && page.Offset != start + bytes)
            {
                int result = LinkRun(entry, target, start, bytes, direction, ref work);
                if (result < 0)
                {
                    return result;
                }

                bytes = 0;
            }

            start = bytes == 0 ? page.Offset : start;
            ulong address = entry.Cookie.Iova.Address + entry.Linked + bytes;
            addresses[i] = new BusAddress(entry.Cookie.Space, address, page.Order, direction, entry.Cookie.Route);
            bytes += page.Bytes;
        }

        return LinkRun(entry, target, start, bytes, direction, ref work);
    }

    private int LinkRun(BrokerEntry entry, PeerPort target, ulong start, ulong bytes, DmaDirection direction, ref PeerWork work)
    {
        int result = iova.LinkRun(target, start, bytes, entry.Linked, ref entry.Cookie, direction, ref work);
        entry.Linked += result == 0 ? bytes : 0;
        return result;
    }
}
