namespace XeSvm;

/// <summary>What a buffer object shall be like: the argument of GEM_CREATE in words.</summary>
public sealed record XeBufferOptions
{
    /// <summary>Size in bytes: a multiple of 4096, and of the minimum page size of every place.</summary>
    public required ulong Size { get; init; }

    /// <summary>The places where the buffer may be, at least one. VRAM is tried first, whatever the order.</summary>
    public required IReadOnlyList<MemoryLocation> Placements { get; init; }

    /// <summary>How CPU mappings are cached.</summary>
    public XeCpuCaching CpuCaching { get; init; }

    /// <summary>Pages are allocated at the first bind or CPU touch, not at once.</summary>
    public bool DeferBacking { get; init; }

    /// <summary>VRAM must come from the part that the CPU can map; needs a VRAM placement. Without effect where that is all of it.</summary>
    public bool NeedsVisibleVram { get; init; }

    /// <summary>The buffer will be shown on a display; excludes <see cref="XeCpuCaching.WriteBack"/>.</summary>
    public bool Scanout { get; init; }

    /// <summary>The buffer is never compressed; needs <see cref="XeCapabilities.SupportsNoCompressionHint"/>.</summary>
    public bool NoCompression { get; init; }

    /// <summary>The content is protected by hardware DRM (PXP).</summary>
    public bool ProtectedContent { get; init; }

    /// <summary>
    /// The one VM that the buffer is for, or <see langword="null"/>. Such a buffer is cheaper to bind; it cannot be exported (EPERM).
    /// </summary>
    public XeVm? PrivateTo { get; init; }
}
