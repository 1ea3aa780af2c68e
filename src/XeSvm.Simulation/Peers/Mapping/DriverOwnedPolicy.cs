using XeSvm.Simulation.Dma;

namespace XeSvm.Simulation.Peers.Mapping;

/// <summary>
/// Patches 6 to 8: the target's driver makes the addresses, the caller owns the cookie. On the packed cursor: holes take no address, a
/// cookie is freed whenever there is one, whatever was linked. Without a cookie, folio by folio.
/// </summary>
internal sealed class DriverOwnedPolicy(PeerTopology topology, PagemapIova iova, string name = "driver-owned") : PeerMappingPolicy
{
    /// <inheritdoc/>
    public override string Name { get; } = name;

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
        ulong bytes = BytesOf(pages);
        if (bytes == 0)
        {
            return 0;
        }

        int result = iova.Alloc(target, initiator, bytes, direction, ref work, out mapping.Cookie);
        if (result < 0)
        {
            return result;
        }

        if (!mapping.Cookie.IsLive)
        {
            return MapEach(topology, target, initiator, pages, direction, addresses, ref mapping, ref work);
        }

        mapping.Mapped = true;
        for (int i = 0; i < pages.Length; i++)
        {
            if (pages[i].IsHole)
            {
                continue;
            }

            result = iova.Link(target, in pages[i], mapping.Offset, ref mapping.Cookie, direction, ref work, out addresses[i]);
            if (result < 0)
            {
                return result;
            }

            mapping.Offset += pages[i].Bytes;
        }

        return iova.Sync(ref mapping.Cookie, mapping.Offset, ref work);
    }

    /// <inheritdoc/>
    public override void Unmap(
        PeerPort target, PeerPort initiator, Span<BusAddress> addresses, DmaDirection direction, ref PeerMapping mapping, ref PeerWork work)
    {
        if (!mapping.Mapped)
        {
            return;
        }

        if (!mapping.Cookie.IsLive)
        {
            UnmapEach(target, initiator, addresses, ref mapping, ref work);
            return;
        }

        if (mapping.Offset > 0)
        {
            iova.Unlink(ref mapping.Cookie, mapping.Offset, direction, ref work);
        }

        iova.Free(ref mapping.Cookie, ref work);
        addresses.Clear();
        mapping = default;
    }

    // The reservation has room for the holes too, as the system path's has (drm_pagemap_migrate_map_system_pages): one for each slot.
    private static ulong BytesOf(ReadOnlySpan<PeerPage> pages)
    {
        ulong bytes = 0;
        bool any = false;
        foreach (ref readonly PeerPage page in pages)
        {
            any |= !page.IsHole;
            bytes += page.Bytes;
        }

        return any ? bytes : 0;
    }
}
