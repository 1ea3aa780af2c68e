namespace XeSvm.Management;

/// <summary>
/// Keeps in VRAM what is used most. Blocks that were used enough are moved in, the hottest first, until VRAM is filled to the high watermark. Is it
/// filled above that, or do the GT statistics say that the driver evicts, the coldest are moved out until the low watermark is reached.
/// </summary>
public sealed class HotRanges : PlacementPolicy
{
    private readonly double _low;
    private readonly double _high;
    private readonly float _promotion;
    private readonly HeatOrder _order = new();

    /// <summary>Makes the policy.</summary>
    /// <param name="lowWatermark">Where moving out ends, as a share of the manager's VRAM limit: from 0 to below the high one.</param>
    /// <param name="highWatermark">Where moving in ends and moving out begins, as a share of the manager's VRAM limit: up to 1.</param>
    /// <param name="promotionHeat">How hot a block must be to be moved in; above 0. One use, not balanced since, is 1.</param>
    public HotRanges(double lowWatermark = 0.7, double highWatermark = 0.9, float promotionHeat = 0.5f)
    {
        if (!(lowWatermark >= 0 && lowWatermark < highWatermark && highWatermark <= 1))
        {
            throw new ArgumentException(
                $"Watermarks of {lowWatermark} and {highWatermark} are not possible: the low one must be at least 0 and below the high one, the high one at most 1.");
        }

        if (!(promotionHeat > 0))
        {
            throw new ArgumentOutOfRangeException(nameof(promotionHeat), promotionHeat, "The heat must be above 0.");
        }

        (_low, _high, _promotion) = (lowWatermark, highWatermark, promotionHeat);
    }

    /// <inheritdoc/>
    public override string Name => "hot-ranges";

    /// <inheritdoc/>
    public override void Place(in PlacementState state, ReadOnlySpan<PlacementBlock> blocks, Span<PlacementDecision> decisions)
    {
        if (!state.HasVram)
        {
            return;
        }

        ulong low = (ulong)(state.VramLimit * _low);
        ulong high = (ulong)(state.VramLimit * _high);
        ReadOnlySpan<int> coldestFirst = _order.ColdestFirst(blocks);
        ulong used = state.ManagedBytes;

        // What left VRAM although nobody asked for it is the driver's eviction, or the CPU; both mean that VRAM above the low mark is not free.
        bool evicting = state.Activity.UnaskedToSystemBytes > 0 && used > low;
        if (used > high || evicting)
        {
            used = MoveOut(blocks, decisions, coldestFirst, used, low);
        }

        if (!evicting)
        {
            MoveIn(state, blocks, decisions, coldestFirst, used, high);
        }
    }

    private static ulong MoveOut(
        ReadOnlySpan<PlacementBlock> blocks, Span<PlacementDecision> decisions, ReadOnlySpan<int> coldestFirst, ulong used, ulong low)
    {
        foreach (int index in coldestFirst)
        {
            PlacementBlock block = blocks[index];
            if (used <= low)
            {
                break;
            }

            if (block.IsOnDevice && !block.InUse)
            {
                // Advised to the system as well, or the next touch would bring it back and turn the device's memory over.
                decisions[index] = new PlacementDecision(MemoryLocation.System, MemoryLocation.System);
                used -= Math.Min(used, block.Range.Length);
            }
        }

        return used;
    }

    private void MoveIn(
        in PlacementState state,
        ReadOnlySpan<PlacementBlock> blocks,
        Span<PlacementDecision> decisions,
        ReadOnlySpan<int> coldestFirst,
        ulong used,
        ulong high)
    {
        for (int position = coldestFirst.Length - 1; position >= 0; position--)
        {
            int index = coldestFirst[position];
            PlacementBlock block = blocks[index];
            if (block.Heat < _promotion || block.Hint == SvmHint.WillNotUse)
            {
                break;
            }

            if (block.IsOnDevice || block.Hint == SvmHint.WillUseOnCpu || decisions[index].Move is not null)
            {
                continue;
            }

            if (block.Range.Length > high - Math.Min(high, used))
            {
                break;
            }

            decisions[index] = new PlacementDecision(state.Device, state.Device);
            used += block.Range.Length;
        }
    }
}
