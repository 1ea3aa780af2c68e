namespace XeSvm.Management;

/// <summary>The driver's own rule: memory goes to who touches it, when it is touched. The manager moves nothing by itself.</summary>
public sealed class FirstTouch : PlacementPolicy
{
    /// <inheritdoc/>
    public override string Name => "first-touch";

    /// <inheritdoc/>
    public override void Place(in PlacementState state, ReadOnlySpan<PlacementBlock> blocks, Span<PlacementDecision> decisions) =>
        decisions.Fill(PlacementDecision.ByTouch);
}
