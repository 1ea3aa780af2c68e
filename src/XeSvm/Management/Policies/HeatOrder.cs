namespace XeSvm.Management;

/// <summary>Orders blocks by their heat. Keeps its memory for the next time.</summary>
internal sealed class HeatOrder
{
    private float[] _heat = [];
    private int[] _order = [];

    /// <summary>The blocks' numbers, coldest first; those that nobody will use before all others.</summary>
    internal ReadOnlySpan<int> ColdestFirst(ReadOnlySpan<PlacementBlock> blocks)
    {
        if (_order.Length < blocks.Length)
        {
            _order = new int[blocks.Length * 2];
            _heat = new float[blocks.Length * 2];
        }

        for (int index = 0; index < blocks.Length; index++)
        {
            _order[index] = index;
            _heat[index] = blocks[index].Hint == SvmHint.WillNotUse ? -1 : blocks[index].Heat;
        }

        Span<int> order = _order.AsSpan(0, blocks.Length);
        _heat.AsSpan(0, blocks.Length).Sort(order);
        return order;
    }
}
