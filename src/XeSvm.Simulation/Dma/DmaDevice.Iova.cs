using XeSvm.Simulation.Cost;
using XeSvm.Simulation.Iommu;

namespace XeSvm.Simulation.Dma;

/// <content>The IOVA API: reserve, link, sync, unlink, free (dma-iommu.c: dma_iova_*).</content>
internal sealed partial class DmaDevice
{
    /// <summary>
    /// dma_iova_try_alloc: reserves addresses, aligned to the size rounded up to a power of two.
    /// </summary>
    /// <param name="state">Gets the reservation; all zeros when there is none.</param>
    /// <param name="physical">Gives the offset within a page only; it asks for no alignment.</param>
    /// <param name="size">Bytes.</param>
    /// <param name="work">Counts the work.</param>
    /// <returns>False without translation, when the space is exhausted, and for a size of 0 or with bit 63.</returns>
    public bool TryAllocIova(ref IovaState state, ulong physical, ulong size, ref DmaWork work)
    {
        if (state.IsLive && IsInForce(in state))
        {
            Misuse(DmaMisuseKind.AlreadyReserved, state.Address, state.Size);
            return false;
        }

        state = default;
        if (size == 0 || size >> 63 != 0)
        {
            Misuse(size == 0 ? DmaMisuseKind.ZeroSize : DmaMisuseKind.OversizedReservation, physical, size);
            return false;
        }

        if (!Domain.Translates || (Injection is { } injection && injection.Fails(FaultPoint.IovaAllocation)))
        {
            return false;
        }

        ulong bytes = AlignUp((physical & PageMask) + size);
        ulong address = AllocateAddress(bytes, ref work);
        if (address == 0)
        {
            return false;
        }

        IovaReservation reservation = Domain.Reservations.Begin(address >> IoEntry.PageShift, bytes >> IoEntry.PageShift);
        state.Address = address;
        state.Size = bytes;
        state.Reservation = reservation;
        state.Generation = reservation.Generation;
        return true;
    }

    /// <summary>dma_iova_link: writes entries for a piece of the reservation. The device may use them after <see cref="Sync"/>.</summary>
    /// <returns>
    /// 0; -EINVAL for misuse; -EADDRINUSE at an occupied slot; -ENOMEM. On failure nothing of this call stays linked.
    /// </returns>
    public int Link(ref IovaState state, ulong physical, ulong offset, ulong size, DmaDirection direction, ref DmaWork work)
    {
        work.LinkCalls++;
        int result = CheckRange(physical, size);
        result = result < 0 ? result : CheckState(in state, offset, size);
        if (result == 0 && Injection is { } injection && injection.Fails(FaultPoint.Link, offset >> IoEntry.PageShift))
        {
            result = -Errno.ENOMEM;
        }

        if (result == 0)
        {
            IovaReservation reservation = state.Reservation!;
            ulong address = state.Address + offset;
            Domain.Reservations.Linking(reservation, address, address + size);
            result = Domain.Map(address, physical, size, Permissions(direction), ref work);
            if (result == 0)
            {
                reservation.AddLinked((long)(size >> IoEntry.PageShift));
                return 0;
            }
        }

        work.Errors++;
        return result;
    }

    /// <summary>dma_iova_sync: makes linked entries known to the hardware. Any number of times.</summary>
    /// <returns>0, or -EINVAL for misuse; a size of 0 is misuse.</returns>
    public int Sync(ref IovaState state, ulong offset, ulong size, ref DmaWork work)
    {
        int result = size == 0 ? Misuse(DmaMisuseKind.ZeroSize, state.Address + offset, size) : CheckState(in state, offset, size);
        if (result == 0 && Injection is { } injection && injection.Fails(FaultPoint.Sync))
        {
            result = -Errno.EIO;
        }

        if (result < 0)
        {
            work.Errors++;
            return result;
        }

        ulong address = state.Address + offset;
        Domain.SyncMap(address, size, ref work);
        Domain.Reservations.Synced(state.Reservation!, address, address + size);
        return 0;
    }

    /// <summary>
    /// dma_iova_unlink: clears entries in one walk and waits for the invalidation, in lazy mode too. Stops at a slot with nothing in it and
    /// reports that. Nothing is done for a size of 0.
    /// </summary>
    /// <returns>0, -EINVAL for misuse, -ENOENT when it stopped at a hole.</returns>
    public int Unlink(ref IovaState state, ulong offset, ulong size, DmaDirection direction, ref DmaWork work)
    {
        _ = direction;
        work.UnlinkCalls++;
        int result = CheckState(in state, offset, size);
        if (result < 0 || size == 0)
        {
            return result;
        }

        IovaReservation reservation = state.Reservation!;
        ulong address = state.Address + offset;
        ulong cleared = Domain.UnmapNow(address, size, ref work);
        reservation.AddLinked(-(long)(cleared >> IoEntry.PageShift));
        if (reservation.HasUnsynced)
        {
            Domain.Reservations.Synced(reservation, address, address + cleared);
        }

        if (cleared > size)
        {
            return Misuse(DmaMisuseKind.UnlinkInsideLeaf, address, cleared);
        }

        if (cleared < size)
        {
            Misuse(DmaMisuseKind.UnlinkAcrossHole, address + cleared, size - cleared);
            return -Errno.ENOENT;
        }

        return 0;
    }

    /// <summary>dma_iova_free: gives the whole reservation back at once; all links must be gone.</summary>
    /// <returns>0, -EINVAL when there is no reservation, -EBUSY with live links: then the reservation stays.</returns>
    public int Free(ref IovaState state, ref DmaWork work)
    {
        int result = CheckState(in state, 0, 0);
        if (result < 0)
        {
            return result;
        }

        IovaReservation reservation = state.Reservation!;
        if (reservation.LinkedPages != 0)
        {
            Misuse(DmaMisuseKind.FreeWithLinks, state.Address, (ulong)reservation.LinkedPages << IoEntry.PageShift);
            if (Domain.Options.RefuseMisuse)
            {
                return -Errno.EBUSY;
            }
        }

        Domain.Reservations.End(reservation);
        FreeAddress(state.Address, state.Size, ref work);
        state = default;
        return 0;
    }

    /// <summary>dma_iova_destroy: unlinks the first <paramref name="linked"/> bytes, if any, and frees the whole reservation.</summary>
    /// <returns>0, or the first error of the two steps.</returns>
    public int Destroy(ref IovaState state, ulong linked, DmaDirection direction, ref DmaWork work)
    {
        int unlinked = linked == 0 ? 0 : Unlink(ref state, 0, linked, direction, ref work);
        int freed = Free(ref state, ref work);
        return unlinked < 0 ? unlinked : freed;
    }

    private static bool IsInForce(in IovaState state) =>
        state.Reservation is { } reservation && reservation.Generation == state.Generation;

    private int CheckState(in IovaState state, ulong offset, ulong size)
    {
        if (!state.IsLive || !IsInForce(in state))
        {
            return Misuse(DmaMisuseKind.NotReserved, state.Address, state.Size);
        }

        if (((offset | size) & PageMask) != 0)
        {
            return Misuse(DmaMisuseKind.Unaligned, state.Address + offset, size);
        }

        return offset > state.Size || size > state.Size - offset
            ? Misuse(DmaMisuseKind.OutsideReservation, state.Address + offset, size)
            : 0;
    }
}
