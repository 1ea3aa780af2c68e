namespace XeSvm;

/// <summary>Kinds of advice, those that programs know from other systems included.</summary>
public enum AdviceKind
{
    /// <summary>Where memory should be.</summary>
    PreferredLocation,

    /// <summary>Who does atomic operations.</summary>
    AtomicAccess,

    /// <summary>Caching and coherency.</summary>
    PatIndex,

    /// <summary>Whether the content of buffer objects may be discarded under memory pressure.</summary>
    Purgeable,

    /// <summary>Memory that is mostly read could be in several places (cudaMemAdviseSetReadMostly). The xe driver has no such attribute.</summary>
    ReadMostly,

    /// <summary>A device will access the memory (cudaMemAdviseSetAccessedBy). The xe driver has no such attribute: prefetch or bind instead.</summary>
    AccessedBy,
}
