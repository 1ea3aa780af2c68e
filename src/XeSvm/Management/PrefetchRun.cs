namespace XeSvm.Management;

/// <summary>One prefetch on its way through a manager: its plan, the request that is being put together, and what came of it. Used again and again.</summary>
internal sealed class PrefetchRun
{
    /// <summary>What one request moves at most, in bytes: a cancellation is noticed between two requests.</summary>
    internal const ulong MostBytes = 64UL << 20;

    private XeBindOperation[] _operations = new XeBindOperation[16];
    private int _count;
    private GpuRange _last;
    private MemoryLocation _lastLocation;

    /// <summary>The plan.</summary>
    internal PrefetchPlanner Planner { get; } = new();

    /// <summary>The parts of the request that are not there yet: their blocks change their place in the account when it succeeds.</summary>
    internal List<PrefetchStep> Parts { get; } = [];

    /// <summary>The operations of the request.</summary>
    internal ReadOnlySpan<XeBindOperation> Operations => _operations.AsSpan(0, _count);

    /// <summary>Bytes of VRAM that the manager keeps for the request.</summary>
    internal ulong Reserved { get; set; }

    /// <summary>Bytes that the request moves, what it moves out to make room included.</summary>
    internal ulong Bytes { get; private set; }

    /// <summary>Of these, bytes that go to the system.</summary>
    internal ulong SystemBytes { get; private set; }

    /// <summary>Scratch for the choice of what leaves VRAM.</summary>
    internal List<VictimBlock> Victims { get; } = [];

    /// <summary>Ends when there may be room.</summary>
    internal Task Room { get; set; } = Task.CompletedTask;

    /// <summary>What became of it so far.</summary>
    internal SvmPrefetchOutcome Outcome { get; set; }

    /// <summary>Begins another prefetch.</summary>
    internal void Clear()
    {
        Planner.Clear();
        Victims.Clear();
        Outcome = default;
        Room = Task.CompletedTask;
        ClearRequest();
    }

    /// <summary>Begins another request of the same prefetch.</summary>
    internal void ClearRequest()
    {
        Parts.Clear();
        _operations.AsSpan(0, _count).Clear();
        _count = 0;
        Bytes = 0;
        SystemBytes = 0;
        Reserved = 0;
    }

    /// <summary>Adds an operation, or lengthens the last one.</summary>
    internal void Add(GpuRange range, MemoryLocation location)
    {
        Bytes += range.Length;
        SystemBytes += location.IsSystem ? range.Length : 0;
        if (_count > 0 && _lastLocation == location && _last.Address + _last.Length == range.Address)
        {
            _count--;
            range = new GpuRange(_last.Address, _last.Length + range.Length);
        }
        else if (_count == _operations.Length)
        {
            Array.Resize(ref _operations, _count * 2);
        }

        // The driver takes regions of its own device; to another the advice leads, which is given before.
        _operations[_count++] = XeBindOperation.Prefetch(range, location.Peer is null ? location : MemoryLocation.Default);
        (_last, _lastLocation) = (range, location);
    }
}

/// <summary>A block that could leave VRAM.</summary>
/// <param name="Memory">Its memory.</param>
/// <param name="Index">Its number there.</param>
/// <param name="Heat">How much it is used.</param>
internal readonly record struct VictimBlock(ManagedMemory Memory, int Index, float Heat) : IComparable<VictimBlock>
{
    /// <summary>The coldest first.</summary>
    public int CompareTo(VictimBlock other) => Heat.CompareTo(other.Heat);
}
