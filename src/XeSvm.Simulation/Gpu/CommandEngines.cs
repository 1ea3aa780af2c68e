namespace XeSvm.Simulation.Gpu;

/// <summary>Which engine classes have a command.</summary>
internal enum CommandEngines
{
    /// <summary>Every command streamer.</summary>
    All,

    /// <summary>The blitter's own.</summary>
    Copy,

    /// <summary>Those with a pipeline behind the command streamer.</summary>
    RenderAndCompute,
}
