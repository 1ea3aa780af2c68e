using XeSvm.Simulation.Dma;
using XeSvm.Simulation.Iommu;
using XeSvm.Simulation.Peers.Locks;

namespace XeSvm.Simulation.Peers.Mapping;

/// <summary>
/// The IOVA interface of a target's pagemap, executed for an initiator (patch 6: device_iova_alloc, link, sync, unlink, free). Whoever
/// allocates a cookie owns it and frees it once. The context rules are checked at each call, whatever the implementation does today:
/// alloc and free may allocate memory and take reservations; link, sync and unlink are safe under the notifier lock.
/// </summary>
internal abstract class PagemapIova(LockChecker locks)
{
    /// <summary>Reserves addresses for <paramref name="length"/> bytes.</summary>
    /// <returns>
    /// 0 with a cookie; 0 without one: not needed or not available, use device_map for each page; -EDEADLK in a forbidden context;
    /// -EINVAL for a length that is 0 or no multiple of 4 KiB; another negative errno when a mandatory reservation failed.
    /// </returns>
    public int Alloc(
        PeerPort target, PeerPort initiator, ulong length, DmaDirection direction, ref PeerWork work, out PeerCookie cookie)
    {
        cookie = default;
        if (!locks.Allows(LockedOperation.IovaAlloc))
        {
            return -Errno.EDEADLK;
        }

        if (length == 0 || length % IoEntry.PageSize != 0)
        {
            return -Errno.EINVAL;
        }

        int result = Reserve(target, initiator, length, direction, ref work, ref cookie);
        work.CookieAlloc += cookie.IsLive ? 1UL : 0UL;
        return result;
    }

    /// <summary>Gives the addresses back; all links must be gone.</summary>
    /// <returns>0; -EDEADLK in a forbidden context; -EINVAL without a cookie or for one that was freed; -EBUSY with live links.</returns>
    public int Free(ref PeerCookie cookie, ref PeerWork work)
    {
        if (!locks.Allows(LockedOperation.IovaFree))
        {
            return -Errno.EDEADLK;
        }

        if (cookie.Translator is not { } translator)
        {
            return -Errno.EINVAL;
        }

        int result = translator.Free(ref cookie.Iova, ref PeerSpaces.WorkOf(cookie.Space, ref work));
        if (result == 0)
        {
            cookie = default;
            work.CookieFree++;
        }

        return result;
    }

    /// <summary>Maps one folio of the target at an offset of the reservation.</summary>
    /// <returns>0 and its address; -EINVAL, -EADDRINUSE, -ENOMEM as dma_iova_link.</returns>
    public int Link(
        PeerPort target, in PeerPage page, ulong offset, ref PeerCookie cookie, DmaDirection direction, ref PeerWork work, out BusAddress address)
    {
        int result = LinkRun(target, page.Offset, page.Bytes, offset, ref cookie, direction, ref work);
        address = result < 0 ? default : new BusAddress(cookie.Space, cookie.Iova.Address + offset, page.Order, direction, cookie.Route);
        return result;
    }

    /// <summary>Maps contiguous memory of the target at an offset of the reservation.</summary>
    public int LinkRun(
        PeerPort target, ulong vramOffset, ulong bytes, ulong offset, ref PeerCookie cookie, DmaDirection direction, ref PeerWork work)
    {
        if (!locks.Allows(LockedOperation.IovaLink))
        {
            return -Errno.EDEADLK;
        }

        if (cookie.Translator is not { } translator)
        {
            return -Errno.EINVAL;
        }

        ulong physical = PeerSpaces.PhysicalOf(target, cookie.Space, vramOffset);
        int result = translator.Link(ref cookie.Iova, physical, offset, bytes, direction, ref PeerSpaces.WorkOf(cookie.Space, ref work));
        work.Mmio += result == 0 ? 1UL : 0UL;
        return result;
    }

    /// <summary>Makes the first <paramref name="length"/> bytes of links known to the hardware.</summary>
    public int Sync(ref PeerCookie cookie, ulong length, ref PeerWork work)
    {
        if (!locks.Allows(LockedOperation.IovaSync))
        {
            return -Errno.EDEADLK;
        }

        return cookie.Translator is { } translator
            ? translator.Sync(ref cookie.Iova, 0, length, ref PeerSpaces.WorkOf(cookie.Space, ref work))
            : -Errno.EINVAL;
    }

    /// <summary>Clears the first <paramref name="length"/> bytes of links, and waits until no device can use them.</summary>
    public int Unlink(ref PeerCookie cookie, ulong length, DmaDirection direction, ref PeerWork work)
    {
        if (!locks.Allows(LockedOperation.IovaUnlink))
        {
            return -Errno.EDEADLK;
        }

        return cookie.Translator is { } translator
            ? translator.Unlink(ref cookie.Iova, 0, length, direction, ref PeerSpaces.WorkOf(cookie.Space, ref work))
            : -Errno.EINVAL;
    }

    /// <summary>Reserves, or leaves the cookie as it is when none is needed or available.</summary>
    private protected abstract int Reserve(
        PeerPort target, PeerPort initiator, ulong length, DmaDirection direction, ref PeerWork work, ref PeerCookie cookie);
}
