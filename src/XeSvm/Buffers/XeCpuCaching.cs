using XeSvm.Interop.Uapi;

namespace XeSvm;

/// <summary>How CPU mappings of a buffer object are cached; the values are the kernel's.</summary>
public enum XeCpuCaching
{
    /// <summary>Write-back when the buffer can be in system memory only, else write-combined.</summary>
    Default = 0,

    /// <summary>Write-back: fast for the CPU. Only for buffers that cannot be in VRAM.</summary>
    WriteBack = DrmXe.DRM_XE_GEM_CPU_CACHING_WB,

    /// <summary>Write-combined: reads are slow.</summary>
    WriteCombined = DrmXe.DRM_XE_GEM_CPU_CACHING_WC,
}
