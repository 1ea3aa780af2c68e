namespace XeSvm.Simulation.Driver.Profiles;

/// <summary>How far the GPU's accesses agree with the CPU's caches (XE_COH_*).</summary>
internal enum PatCoherency : byte
{
    /// <summary>The index is not to be used.</summary>
    Reserved = 0,
    None = 1,
    OneWay = 2,
    TwoWay = 3,
}

/// <summary>One entry of the page attribute table.</summary>
internal readonly record struct PatEntry(PatCoherency Coherency, bool IsCompressing);

/// <summary>The page attribute table of a device (xe_pat.c).</summary>
internal sealed class PatTable(IReadOnlyList<PatEntry> entries)
{
    private readonly PatEntry[] _entries = [.. entries];

    public int Count => _entries.Length;

    /// <summary>Whether an index exists and is not reserved.</summary>
    public bool IsValid(uint index) => index < (uint)_entries.Length && _entries[index].Coherency != PatCoherency.Reserved;

    /// <summary>Whether accesses under an index disregard the CPU's caches. The index must be valid.</summary>
    public bool IsIncoherent(uint index) => _entries[index].Coherency == PatCoherency.None;

    /// <summary>Whether an index stores compressed data. The index must be valid.</summary>
    public bool IsCompressing(uint index) => _entries[index].IsCompressing;
}
