using XeSvm.Interop.Uapi;

namespace XeSvm;

/// <summary>Something to tell the driver about memory. A hint: results never depend on it.</summary>
public readonly record struct Advice
{
    private Advice(AdviceKind kind, uint value, MemoryLocation location)
    {
        Kind = kind;
        Value = value;
        Location = location;
    }

    /// <summary>Nothing may be wanted of memory that is read mostly: the driver cannot take this advice (EOPNOTSUPP).</summary>
    public static Advice ReadMostly => new(AdviceKind.ReadMostly, 0, default);

    /// <summary>The content of the range's buffer objects may be discarded when memory is short.</summary>
    public static Advice Discardable => new(AdviceKind.Purgeable, DrmXe.DRM_XE_VMA_PURGEABLE_STATE_DONTNEED, default);

    /// <summary>The content of the range's buffer objects is needed; what was discarded before stays so.</summary>
    public static Advice Needed => new(AdviceKind.Purgeable, DrmXe.DRM_XE_VMA_PURGEABLE_STATE_WILLNEED, default);

    /// <summary>What the advice is about.</summary>
    public AdviceKind Kind { get; }

    /// <summary>The place that the advice names; <see cref="MemoryLocation.Default"/> when it names none.</summary>
    public MemoryLocation Location { get; }

    /// <summary>The driver's value of advice that is a number.</summary>
    internal uint Value { get; }

    /// <summary>Memory should be there when the GPU touches it.</summary>
    /// <param name="location">The place; <see cref="MemoryLocation.Default"/> takes the advice back.</param>
    public static Advice PreferredLocation(MemoryLocation location) => new(AdviceKind.PreferredLocation, 0, location);

    /// <summary>Says who does atomic operations.</summary>
    /// <param name="access">Who.</param>
    public static Advice AtomicAccess(AtomicAccess access) => Enum.IsDefined(access)
        ? new Advice(AdviceKind.AtomicAccess, (uint)access, default)
        : throw new ArgumentOutOfRangeException(nameof(access), access, "No AtomicAccess.");

    /// <summary>Sets caching and coherency at the next bind.</summary>
    /// <param name="index">The index in the hardware's page attribute table.</param>
    public static Advice PatIndex(ushort index) => new(AdviceKind.PatIndex, index, default);

    /// <summary>A device will access the memory: the driver cannot take this advice (EOPNOTSUPP).</summary>
    /// <param name="location">The device.</param>
    public static Advice AccessedBy(MemoryLocation location) => new(AdviceKind.AccessedBy, 0, location);

    /// <summary>The advice in words.</summary>
    public override string ToString() => Kind switch
    {
        AdviceKind.PreferredLocation => $"preferred location {Location}",
        AdviceKind.AtomicAccess => $"atomic access {(AtomicAccess)Value}",
        AdviceKind.PatIndex => $"PAT index {Value}",
        AdviceKind.Purgeable => Value == DrmXe.DRM_XE_VMA_PURGEABLE_STATE_DONTNEED ? "discardable" : "needed",
        AdviceKind.AccessedBy => $"accessed by {Location}",
        _ => "read mostly",
    };
}
