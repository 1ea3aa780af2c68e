namespace XeSvm.Simulation.Gpu;

/// <summary>What a walk tells a TLB: an entry, and the addresses it maps, of its leaf or of a few leaves whose memory is in one piece.</summary>
internal struct GpuTranslation
{
    /// <summary>The entry; its address is that of the first byte at <see cref="Start"/>.</summary>
    public GpuPte Pte;

    /// <summary>First GPU address.</summary>
    public ulong Start;

    /// <summary>Length in bytes; 0 for no translation.</summary>
    public ulong Length;

    /// <summary>Whether it maps an address.</summary>
    public readonly bool Maps(ulong address) => address - Start < Length;
}
