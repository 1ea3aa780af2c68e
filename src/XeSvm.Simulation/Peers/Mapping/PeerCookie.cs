using XeSvm.Simulation.Dma;

namespace XeSvm.Simulation.Peers.Mapping;

/// <summary>What device_iova_alloc gives: addresses in one space, owned by the caller. All zeros: none is needed, or none is to be had.</summary>
internal struct PeerCookie
{
    /// <summary>Who translates: the initiator's domain, or the target's fabric space.</summary>
    public DmaDevice? Translator;

    /// <summary>The space that the addresses are in.</summary>
    public BusSpace Space;

    /// <summary>The way that accesses take.</summary>
    public PeerRoute Route;

    /// <summary>The reserved addresses.</summary>
    public IovaState Iova;

    /// <summary>Whether there is a cookie.</summary>
    public readonly bool IsLive => Iova.IsLive;
}
