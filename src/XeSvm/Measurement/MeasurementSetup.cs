namespace XeSvm.Measurement;

/// <summary>An IOMMU as a backend describes it; what it does not say is <see langword="null"/>.</summary>
/// <param name="Mode"><c>strict</c>, <c>lazy</c>, <c>passthrough</c>, <c>off</c>, or what the backend says instead.</param>
public sealed record IommuSettings(string Mode)
{
    /// <summary>Whether the page walker sees the CPU's caches: <c>coherent</c> or <c>non-coherent</c>.</summary>
    public string? Walker { get; init; }

    /// <summary>Levels of the I/O page table.</summary>
    public int? Levels { get; init; }

    /// <summary>Whether entries that are not present may be cached.</summary>
    public bool? CachingMode { get; init; }

    /// <summary>Whether new mappings need a flush of the chipset's write buffer.</summary>
    public bool? WriteBufferFlush { get; init; }

    /// <summary>Whether an unmap flushes what it visited instead of what it changed.</summary>
    public bool? FlushRegression { get; init; }
}

/// <summary>What the work of a case depends on besides its size.</summary>
/// <param name="Strategy">How system pages are mapped; one of <see cref="MappingStrategy"/>.</param>
/// <param name="Iommu">The IOMMU.</param>
/// <param name="Layout">How the pages lie in physical memory.</param>
public sealed record MeasurementSetup(string Strategy, IommuSettings Iommu, string Layout)
{
    /// <summary>Strategy, mode, walker where there is one, and layout.</summary>
    public override string ToString()
    {
        string walker = Iommu.Walker is null ? "" : $", walker {Iommu.Walker}";
        return $"{Strategy}, IOMMU {Iommu.Mode}{walker}, layout {Layout}";
    }
}
