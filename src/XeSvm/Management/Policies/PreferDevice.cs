namespace XeSvm.Management;

/// <summary>
/// Memory should be in VRAM: what the program says that the GPU will use is moved there ahead, what the CPU will use is moved back, all else is
/// moved by faults.
/// </summary>
public sealed class PreferDevice : PlacementPolicy
{
    /// <inheritdoc/>
    public override string Name => "prefer-device";

    /// <inheritdoc/>
    public override void Place(in PlacementState state, ReadOnlySpan<PlacementBlock> blocks, Span<PlacementDecision> decisions)
    {
        if (!state.HasVram)
        {
            return;
        }

        for (int index = 0; index < blocks.Length; index++)
        {
            decisions[index] = new PlacementDecision(state.Device, Move(state, blocks[index]));
        }
    }

    private static MemoryLocation? Move(in PlacementState state, in PlacementBlock block) => block.Hint switch
    {
        SvmHint.WillUseOnDevice when !block.IsOnDevice => state.Device,
        SvmHint.WillUseOnCpu when !block.Location.IsSystem && !block.InUse => MemoryLocation.System,
        _ => null,
    };
}
