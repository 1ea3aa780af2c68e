namespace MigrationPingPong;

/// <summary>What the turns of one kind of memory took.</summary>
/// <param name="Gpu">Each of the GPU's turns, from submission to the fence, in us.</param>
/// <param name="Cpu">Each of the CPU's turns, in us.</param>
/// <param name="Counts">What the driver counted meanwhile.</param>
/// <param name="IsRight">Whether each turn found what the other had left.</param>
internal sealed record Turns(double[] Gpu, double[] Cpu, string Counts, bool IsRight);
