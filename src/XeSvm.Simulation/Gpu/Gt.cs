namespace XeSvm.Simulation.Gpu;

/// <summary>One GT (graphics technology block) of a tile, with its statistics.</summary>
internal sealed class Gt(int id, GtType type, int tileId)
{
    /// <summary>The number that user space knows it by.</summary>
    public int Id { get; } = id;

    /// <summary>Main (render, compute, copy) or media.</summary>
    public GtType Type { get; } = type;

    /// <summary>The tile it belongs to.</summary>
    public int TileId { get; } = tileId;

    /// <summary>Its counters.</summary>
    public GtStatistics Statistics { get; } = new();
}
