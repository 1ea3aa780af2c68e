namespace XeSvm.Management;

/// <summary>
/// Another policy with a limit: it sees the budget as all the VRAM that there is. What would take more than that is advised to the system, the
/// coldest first, so that faults do not bring it to VRAM either.
/// </summary>
public sealed class Budget : PlacementPolicy
{
    private readonly PlacementPolicy _policy;
    private readonly HeatOrder _order = new();

    /// <summary>Makes the policy.</summary>
    /// <param name="bytes">How many bytes of VRAM may be filled.</param>
    /// <param name="policy">Decides what with.</param>
    public Budget(ulong bytes, PlacementPolicy policy)
    {
        ArgumentNullException.ThrowIfNull(policy);
        Bytes = bytes;
        _policy = policy;
    }

    /// <summary>Why a block has a part of the budget, in the order in which they get it.</summary>
    private enum Claim
    {
        InUse,
        IsThere,
        Comes,
        MayCome,
        None,
    }

    /// <summary>How many bytes of VRAM may be filled.</summary>
    public ulong Bytes { get; }

    /// <inheritdoc/>
    public override string Name => $"budget({_policy.Name})";

    /// <inheritdoc/>
    public override void Place(in PlacementState state, ReadOnlySpan<PlacementBlock> blocks, Span<PlacementDecision> decisions)
    {
        PlacementState limited = state with { VramLimit = Math.Min(Bytes, state.VramLimit) };
        _policy.Place(limited, blocks, decisions);
        ReadOnlySpan<int> coldestFirst = _order.ColdestFirst(blocks);
        ulong left = limited.VramLimit;
        for (Claim claim = Claim.InUse; claim < Claim.None; claim++)
        {
            for (int position = coldestFirst.Length - 1; position >= 0; position--)
            {
                int index = coldestFirst[position];
                ulong length = blocks[index].Range.Length;
                if (ClaimOf(blocks[index], decisions[index]) != claim)
                {
                    continue;
                }

                if (length <= left)
                {
                    left -= length;
                }
                else if (claim == Claim.InUse)
                {
                    // It cannot be moved now, and what it takes is gone for all others.
                    left = 0;
                }
                else
                {
                    decisions[index] = new PlacementDecision(
                        MemoryLocation.System, claim == Claim.IsThere ? MemoryLocation.System : null);
                }
            }
        }
    }

    private static Claim ClaimOf(in PlacementBlock block, in PlacementDecision decision)
    {
        if (block.IsOnDevice && block.InUse)
        {
            return Claim.InUse;
        }

        if (block.IsOnDevice)
        {
            return decision.Move is { IsSystem: true } ? Claim.None : Claim.IsThere;
        }

        if (decision.Move is { IsDevice: true, Peer: null })
        {
            return Claim.Comes;
        }

        return (decision.Advice ?? block.Advised) is { IsSystem: true } or { Peer: not null } ? Claim.None : Claim.MayCome;
    }
}
