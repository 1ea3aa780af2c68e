namespace XeSvm.Simulation.Memory;

/// <summary>What a physical address means at the moment.</summary>
internal readonly unsafe struct ResolvedFrame(ClientMemory client, ulong clientAddress, byte* host)
{
    /// <summary>The client whose page it is.</summary>
    public ClientMemory Client { get; } = client;

    /// <summary>Client address of that very byte.</summary>
    public ulong ClientAddress { get; } = clientAddress;

    /// <summary>Host address of that very byte while the content is staged; null while it is in place.</summary>
    public byte* Host { get; } = host;
}
