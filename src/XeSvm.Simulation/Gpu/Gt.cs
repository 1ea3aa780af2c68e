namespace XeSvm.Simulation.Gpu;

/// <summary>One GT (graphics technology block) of a tile, with its statistics.</summary>
internal sealed class Gt
{
    private readonly GtStatistics _statistics = new();
    private readonly EngineGroup _renderAndCompute;
    private readonly EngineGroup _copy;
    private readonly EngineGroup _video;

    /// <param name="id">The number that user space knows it by.</param>
    /// <param name="type">Main or media.</param>
    /// <param name="tileId">The tile it belongs to.</param>
    public Gt(int id, GtType type, int tileId)
    {
        Id = id;
        Type = type;
        TileId = tileId;
        _renderAndCompute = new EngineGroup(_statistics);
        _copy = new EngineGroup(_statistics);
        _video = new EngineGroup(_statistics);
    }

    /// <summary>The number that user space knows it by.</summary>
    public int Id { get; }

    /// <summary>Main (render, compute, copy) or media.</summary>
    public GtType Type { get; }

    /// <summary>The tile it belongs to.</summary>
    public int TileId { get; }

    /// <summary>Its counters.</summary>
    public GtStatistics Statistics => _statistics;

    /// <summary>The group that the engines of a class belong to.</summary>
    public EngineGroup GroupOf(EngineClass engineClass) => engineClass switch
    {
        EngineClass.Render or EngineClass.Compute => _renderAndCompute,
        EngineClass.Copy => _copy,
        _ => _video,
    };
}
