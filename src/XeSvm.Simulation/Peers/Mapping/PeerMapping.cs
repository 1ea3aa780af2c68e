namespace XeSvm.Simulation.Peers.Mapping;

/// <summary>What a policy holds for one mapped array of device pages; all zeros before the first map and after an unmap.</summary>
internal struct PeerMapping
{
    /// <summary>The reservation that the pages are linked in, if any.</summary>
    public PeerCookie Cookie;

    /// <summary>Packing cursor: bytes of the reservation that are linked, from its start.</summary>
    public ulong Offset;

    /// <summary>The broker's mapping; 0 is none.</summary>
    public long Handle;

    /// <summary>Whether something is mapped.</summary>
    public bool Mapped;
}
