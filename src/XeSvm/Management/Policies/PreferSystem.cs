namespace XeSvm.Management;

/// <summary>
/// Memory should be in the system: the GPU reaches it over the bus and nothing migrates. What a prefetch of the program brought to VRAM goes back
/// when the program is done with it.
/// </summary>
public sealed class PreferSystem : PlacementPolicy
{
    /// <inheritdoc/>
    public override string Name => "prefer-system";

    /// <inheritdoc/>
    public override void Place(in PlacementState state, ReadOnlySpan<PlacementBlock> blocks, Span<PlacementDecision> decisions)
    {
        for (int index = 0; index < blocks.Length; index++)
        {
            PlacementBlock block = blocks[index];
            decisions[index] = new PlacementDecision(
                MemoryLocation.System,
                block.IsOnDevice && !block.InUse ? MemoryLocation.System : null);
        }
    }
}
