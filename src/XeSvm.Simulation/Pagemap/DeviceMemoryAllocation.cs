using XeSvm.Simulation.Driver;
using XeSvm.Simulation.Memory;
using XeSvm.Simulation.Peers.Locks;

namespace XeSvm.Simulation.Pagemap;

/// <summary>
/// One contiguous piece of VRAM that holds one chunk of a client's memory: a buffer object and the owner record (zdd) of its device
/// pages in one. It lives until its last page has left and that has been settled.
/// </summary>
internal sealed class DeviceMemoryAllocation(DevicePagemap pagemap) : VramOccupant, IChunk, IDevicePageOwner
{
    /// <summary>How often the pages are asked home before another victim is tried (drm_pagemap_evict_to_ram).</summary>
    private const int EvictionPasses = 3;

    public DevicePagemap Pagemap { get; } = pagemap;

    public ClientMemory Client { get; private set; } = null!;

    public ulong Cookie { get; private set; }

    public ulong Start { get; private set; }

    public int Pages { get; private set; }

    public int RemainingPages { get; set; }

    /// <summary>On its way to another device. Under the lock of the client's <see cref="DeviceResidency"/>.</summary>
    public bool IsMoving { get; set; }

    /// <summary>The buffer object's reservation: held while it is made, pinned and unpinned; not while pages move.</summary>
    public CheckedLock Reservation { get; } = new(pagemap.Device.Machine.Locks, LockClass.Reservation, "the buffer object's reservation");

    /// <summary>While above 0 it is not evicted. Changes under the pagemap's lock, with the reservation held.</summary>
    public int Pins { get; set; }

    /// <summary>Whether others can find it: its pages are, or are about to be, device pages.</summary>
    public bool IsPublished { get; set; }

    public ulong Size => (ulong)Pages << PageConstants.PageShift;

    public ulong VramOffset { get; private set; }

    /// <inheritdoc/>
    public override bool HoldsDevicePages => true;

    /// <summary>Binds a pooled record to its pages.</summary>
    public void Assign(ClientMemory client, ulong start, int pages, ulong vramOffset)
    {
        Client = client;
        Start = start;
        Pages = pages;
        RemainingPages = pages;
        VramOffset = vramOffset;
        IsMoving = false;
        Cookie = client.Owners.Add(this);
    }

    /// <summary>Ends the record's cookie.</summary>
    public void Retire() => Client.Owners.Remove(Cookie);

    /// <inheritdoc/>
    public override bool TryBeginEviction(out EvictionTicket ticket)
    {
        if (Pins != 0)
        {
            Pagemap.Device.Machine.Counters.AddRefusedEviction();
            ticket = default;
            return false;
        }

        ticket = new EvictionTicket(Client, Start, Pages, Cookie);
        return true;
    }

    /// <inheritdoc/>
    /// <remarks>xe_svm_bo_evict. Not through this record, which may serve another chunk by now: the cookie tells whether the chosen one is gone.</remarks>
    public override bool Evict(in EvictionTicket ticket, SoftwareTile tile, Vm? keep)
    {
        ClientMemory client = ticket.Client!;
        for (int pass = 0; pass < EvictionPasses && client.Owners.Find(ticket.Cookie) is not null; pass++)
        {
            if (client.Restore(ticket.Start, ticket.Pages) < 0)
            {
                return false;
            }

            client.Settle();
        }

        return client.Owners.Find(ticket.Cookie) is null;
    }

    public void PagesLeft(ClientMemory client, in DevicePagesLeft left) => Pagemap.Settle(this, client, left);
}
