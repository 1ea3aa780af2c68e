using XeSvm.Simulation.Memory;
using XeSvm.Simulation.Peers.Locks;

namespace XeSvm.Simulation.Pagemap;

/// <summary>
/// One contiguous piece of VRAM that holds one chunk of a client's memory: a buffer object and the owner record (zdd) of its device
/// pages in one. It lives until its last page has left and that has been settled.
/// </summary>
internal sealed class DeviceMemoryAllocation(DevicePagemap pagemap) : IChunk, IDevicePageOwner
{
    /// <summary>Neighbours in the pagemap's list of allocations, oldest first.</summary>
    public LinkedListNode<DeviceMemoryAllocation>? Node;

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

    public ulong Size => (ulong)Pages << PageConstants.PageShift;

    public ulong VramOffset { get; private set; }

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

    public void PagesLeft(in DevicePagesLeft left) => Pagemap.Settle(this, left);
}
