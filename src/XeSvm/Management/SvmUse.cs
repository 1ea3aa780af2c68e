namespace XeSvm.Management;

/// <summary>
/// A program's use of managed memory by the GPU, from <see cref="SvmManager.Use"/> until <see cref="Dispose"/>: meanwhile the manager does not move
/// the memory out of VRAM. Disposing it twice, or a copy of it, does nothing.
/// </summary>
public readonly struct SvmUse : IDisposable, IEquatable<SvmUse>
{
    private readonly SvmUseRecord? _record;
    private readonly int _version;

    /// <summary>Makes a use of a record that was just opened.</summary>
    internal SvmUse(SvmUseRecord record)
    {
        _record = record;
        _version = record.Version;
    }

    /// <summary>The memory, in whole blocks.</summary>
    public GpuRange Range => _record is { } record && record.Version == _version ? record.Range : default;

    /// <summary>Whether two values are the same use.</summary>
    public static bool operator ==(SvmUse left, SvmUse right) => left.Equals(right);

    /// <summary>Whether two values are different uses.</summary>
    public static bool operator !=(SvmUse left, SvmUse right) => !left.Equals(right);

    /// <summary>Ends the use: the memory may leave VRAM again, and prefetches that wait for room go on.</summary>
    public void Dispose() => _record?.Manager.EndUse(_record, _version);

    /// <inheritdoc/>
    public bool Equals(SvmUse other) => ReferenceEquals(_record, other._record) && _version == other._version;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is SvmUse other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(_record, _version);
}

/// <summary>What a use keeps. Records are used again; the version tells a use that has ended from the record's next one.</summary>
internal sealed class SvmUseRecord(SvmManager manager)
{
    /// <summary>The manager, whose lock guards all else.</summary>
    internal SvmManager Manager { get; } = manager;

    /// <summary>The number of the record's use.</summary>
    internal int Version;

    /// <summary>The memory, or <see langword="null"/> between uses.</summary>
    internal ManagedMemory? Memory;

    /// <summary>The first block.</summary>
    internal int First;

    /// <summary>How many blocks.</summary>
    internal int Count;

    /// <summary>The blocks' addresses.</summary>
    internal GpuRange Range;
}
