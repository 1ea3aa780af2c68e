using XeSvm.Simulation.Peers.Locks;

namespace XeSvm.Simulation.Peers.Machine;

/// <summary>A buffer object in a device's VRAM that holds the pages of an allocation.</summary>
internal sealed class PeerBuffer(PeerAllocation owner, PeerDevice device, int tile, ulong size, LockChecker locks)
{
    /// <summary>Whose pages it holds.</summary>
    public PeerAllocation Owner { get; } = owner;

    /// <summary>Where it is.</summary>
    public PeerDevice Device { get; } = device;

    /// <summary>The tile whose VRAM it has.</summary>
    public int Tile { get; } = tile;

    /// <summary>Bytes.</summary>
    public ulong Size { get; } = size;

    /// <summary>Its first byte in the device's VRAM.</summary>
    public ulong Offset { get; set; }

    /// <summary>Its reservation: held while it is made, pinned, unpinned and evicted; not while pages move.</summary>
    public CheckedLock Reservation { get; } = new(locks, LockClass.Reservation, "the buffer's reservation");

    /// <summary>While above 0 the buffer is not evicted. Changes under the reservation.</summary>
    public int Pins { get; set; }

    internal LinkedListNode<PeerBuffer>? Node { get; set; }
}
