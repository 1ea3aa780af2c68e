using XeSvm.Simulation.Memory;

namespace XeSvm.Simulation.Driver;

/// <summary>
/// What holds VRAM and can be sent out of it for somebody else: a buffer object, or an allocation of device pages, which is one too in the
/// kernel (ttm_resource).
/// </summary>
internal abstract class VramOccupant
{
    /// <summary>Its place in the tile's order of use; under that order's lock, as the stamp.</summary>
    public LinkedListNode<VramOccupant>? UseNode { get; set; }

    /// <summary>Larger with every use.</summary>
    public long UseStamp { get; set; }

    /// <summary>Whether its pages are a client's memory.</summary>
    public abstract bool HoldsDevicePages { get; }

    /// <summary>
    /// Keeps the occupant for <see cref="Evict"/>, which must follow. Under the lock of the order of use, so it waits for nothing. False when it
    /// is going away by itself.
    /// </summary>
    public abstract bool TryBeginEviction(out EvictionTicket ticket);

    /// <summary>Sends it out of VRAM; it does not wait for anybody who is busy with it at this moment.</summary>
    /// <param name="ticket">What <see cref="TryBeginEviction"/> gave.</param>
    /// <param name="tile">The tile whose VRAM is wanted.</param>
    /// <param name="keep">What this VM alone may use stays.</param>
    /// <returns>Whether its VRAM is free now.</returns>
    public abstract bool Evict(in EvictionTicket ticket, SoftwareTile tile, Vm? keep);
}

/// <summary>Which memory of which client an occupant held when it was chosen: its record may serve another chunk by the time it is evicted.</summary>
/// <param name="Client">Whose memory; null for a buffer object.</param>
/// <param name="Start">Client address of the first page.</param>
/// <param name="Pages">How many.</param>
/// <param name="Cookie">Names the allocation.</param>
internal readonly record struct EvictionTicket(ClientMemory? Client, ulong Start, int Pages, ulong Cookie);
