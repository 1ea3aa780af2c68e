using System.Diagnostics.CodeAnalysis;

namespace XeSvm.Statistics;

/// <summary>A size that an SVM range can have, and that the GT statistics count apart (xe_svm.c: 4K, 64K, 2M).</summary>
public sealed record SvmSizeClass
{
    private SvmSizeClass(string name, nuint bytes)
    {
        Name = name;
        Bytes = bytes;
    }

    /// <summary>4 KiB.</summary>
    public static SvmSizeClass Size4K { get; } = new("4K", 4096);

    /// <summary>64 KiB.</summary>
    public static SvmSizeClass Size64K { get; } = new("64K", 64 * 1024);

    /// <summary>2 MiB.</summary>
    public static SvmSizeClass Size2M { get; } = new("2M", 2 * 1024 * 1024);

    /// <summary>All classes, largest first, as the published figures list them.</summary>
    public static IReadOnlyList<SvmSizeClass> All { get; } = [Size2M, Size64K, Size4K];

    /// <summary>The name inside the counters' names: <c>4K</c>, <c>64K</c> or <c>2M</c>.</summary>
    public string Name { get; }

    /// <summary>The size in bytes.</summary>
    public nuint Bytes { get; }

    /// <summary>Finds a class by name; letter case does not matter.</summary>
    /// <param name="name"><c>4K</c>, <c>64K</c> or <c>2M</c>.</param>
    /// <param name="sizeClass">The class when the result is <see langword="true"/>.</param>
    public static bool TryParse(string? name, [NotNullWhen(true)] out SvmSizeClass? sizeClass)
    {
        sizeClass = All.FirstOrDefault(candidate => string.Equals(candidate.Name, name, StringComparison.OrdinalIgnoreCase));
        return sizeClass is not null;
    }

    /// <summary>The name.</summary>
    public override string ToString() => Name;
}
