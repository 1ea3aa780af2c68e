using System.Text.Json.Serialization;

namespace XeSvm.Measurement;

/// <summary>One measured case.</summary>
public sealed record RunCase
{
    /// <summary>The ranges' size: <c>2M</c>, <c>64K</c> or <c>4K</c>.</summary>
    public required string Size { get; init; }

    /// <summary>How system pages were mapped; one of <see cref="MappingStrategy"/>.</summary>
    public required string Strategy { get; init; }

    /// <summary>The IOMMU's mode, as the backend says it.</summary>
    public required string Iommu { get; init; }

    /// <summary>How the pages lay in physical memory, as the backend says it.</summary>
    public required string Layout { get; init; }

    /// <summary>Whether the IOMMU's page walker is <c>coherent</c> or <c>non-coherent</c>; absent where the backend does not say.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Walker { get; init; }

    /// <summary>Levels of the I/O page table; absent where the backend does not say.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? Levels { get; init; }

    /// <summary>Whether the IOMMU may cache entries that are not present; absent where the backend does not say.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public bool? CachingMode { get; init; }

    /// <summary>Whether new mappings need a write-buffer flush; absent where the backend does not say.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public bool? WriteBufferFlush { get; init; }

    /// <summary>Whether an unmap flushes what it visited instead of what it changed; absent where the backend does not say.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public bool? FlushRegression { get; init; }

    /// <summary>What made the memory move: <c>fault</c> or <c>prefetch</c>; absent in records of schema 1, which are of faults.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Cause { get; init; }

    /// <summary>Whose clock the times are of: <c>gt-statistics</c> or <c>request</c>; absent in records of schema 1, which are of the statistics.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Clock { get; init; }

    /// <summary>What pages the memory consisted of: <c>small</c> or <c>huge</c>; absent in records of schema 1, which are of small ones.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Pages { get; init; }

    /// <summary>Migrations that went ahead and are not in the figures; absent in records of schema 1.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? WarmUp { get; init; }

    /// <summary>Migrations that the figures are taken over.</summary>
    public required long Migrations { get; init; }

    /// <summary>Operations per migration to the device. Whole numbers are exact; others have 6 digits behind the point.</summary>
    public required IReadOnlyDictionary<string, decimal> Counters { get; init; }

    /// <summary>Operations of all migrations to the device together, exact.</summary>
    public required IReadOnlyDictionary<string, ulong> CounterTotals { get; init; }

    /// <summary>The times.</summary>
    public required RunMeasured Measured { get; init; }

    /// <summary>
    /// Totals of other times of the driver's that belong to the migrations' faults, in us: <c>pagefault_us</c>, <c>get_pages_us</c>,
    /// <c>bind_us</c>; absent where they are not counted.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyDictionary<string, ulong>? Phases { get; init; }

    /// <summary>The times one by one; absent in records of schema 1.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public RunSamples? Samples { get; init; }

    /// <summary>What a cost profile makes of <see cref="CounterTotals"/>; absent when none was asked for.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public RunModelled? Modelled { get; init; }
}
