namespace XeSvm.Simulation.Dma;

/// <summary>Which way data goes (enum dma_data_direction).</summary>
internal enum DmaDirection
{
    Bidirectional = 0,
    ToDevice = 1,
    FromDevice = 2,
}
