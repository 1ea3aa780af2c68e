namespace XeSvm.Simulation.Server;

/// <summary>
/// Where registering memory for faults may have split mappings of a client: at the ends of what was isolated, or was to be. A boundary that is
/// forgotten costs no more than smaller ranges. Safe from any thread.
/// </summary>
internal sealed class SplitBoundaries
{
    private const int Most = 1 << 20;
    private readonly Lock _lock = new();
    private readonly HashSet<ulong> _boundaries = [];

    /// <summary>Remembers both ends of a range.</summary>
    public void Add(ulong start, ulong end)
    {
        lock (_lock)
        {
            if (_boundaries.Count >= Most)
            {
                _boundaries.Clear();
            }

            _boundaries.Add(start);
            _boundaries.Add(end);
        }
    }

    /// <summary>Whether a range began or ended there.</summary>
    public bool Contains(ulong boundary)
    {
        lock (_lock)
        {
            return _boundaries.Contains(boundary);
        }
    }
}
