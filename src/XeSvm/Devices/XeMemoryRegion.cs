using XeSvm.Interop.Uapi;

namespace XeSvm;

/// <summary>A place that memory can be in, from DEVICE_QUERY MEM_REGIONS. The used sizes are those of the moment of the query.</summary>
/// <param name="MemoryClass">System memory or VRAM.</param>
/// <param name="Instance">The instance; bit number of the region in placement masks.</param>
/// <param name="MinimumPageSize">Smallest allocation, in bytes.</param>
/// <param name="TotalSize">Size in bytes.</param>
/// <param name="UsedSize">Bytes in use by the driver.</param>
/// <param name="CpuVisibleSize">Bytes that the CPU can map; 0 for system memory, where the question does not arise.</param>
/// <param name="CpuVisibleUsedSize">Of these, bytes in use.</param>
public sealed record XeMemoryRegion(
    XeMemoryClass MemoryClass,
    int Instance,
    uint MinimumPageSize,
    ulong TotalSize,
    ulong UsedSize,
    ulong CpuVisibleSize,
    ulong CpuVisibleUsedSize)
{
    /// <summary>The region's bit in a placement mask.</summary>
    public uint PlacementMask => 1u << Instance;
}

/// <summary>Classes of memory; the values are the kernel's.</summary>
public enum XeMemoryClass
{
    /// <summary>The machine's memory.</summary>
    System = DrmXe.DRM_XE_MEM_REGION_CLASS_SYSMEM,

    /// <summary>Memory of the device.</summary>
    Vram = DrmXe.DRM_XE_MEM_REGION_CLASS_VRAM,
}
