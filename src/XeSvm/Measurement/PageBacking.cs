namespace XeSvm.Measurement;

/// <summary>What pages of the CPU a measured range consists of.</summary>
public enum PageBacking
{
    /// <summary>Pages of 4 KiB: the kernel may not use huge pages (<c>MADV_NOHUGEPAGE</c>).</summary>
    Small,

    /// <summary>One transparent huge page (<c>MADV_HUGEPAGE</c>), for ranges of 2 MiB; it is checked that the kernel gave one.</summary>
    Huge,
}
