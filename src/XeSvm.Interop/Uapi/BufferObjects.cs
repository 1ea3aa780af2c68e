using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace XeSvm.Interop.Uapi;

public static partial class DrmXe
{
    // Extensions of GEM_CREATE and their properties.

    /// <summary>Extension name: sets one property of the buffer object, with a drm_xe_ext_set_property.</summary>
    public const uint DRM_XE_GEM_CREATE_EXTENSION_SET_PROPERTY = 0;

    /// <summary>Property: the kind of protected content, one of <c>DRM_XE_PXP_TYPE_*</c>.</summary>
    public const uint DRM_XE_GEM_CREATE_SET_PROPERTY_PXP_TYPE = 0;

    // Values of drm_xe_gem_create.flags.

    /// <summary>Pages are allocated at the first bind or CPU touch, not by the ioctl.</summary>
    public const uint DRM_XE_GEM_CREATE_FLAG_DEFER_BACKING = 0x1;

    /// <summary>The object will be shown on a display; write-back CPU caching is refused.</summary>
    public const uint DRM_XE_GEM_CREATE_FLAG_SCANOUT = 0x2;

    /// <summary>VRAM must come from the part that the CPU can reach.</summary>
    public const uint DRM_XE_GEM_CREATE_FLAG_NEEDS_VISIBLE_VRAM = 0x4;

    /// <summary>The object is never compressed; binds with a compressing PAT index are refused.</summary>
    public const uint DRM_XE_GEM_CREATE_FLAG_NO_COMPRESSION = 0x8;

    // Values of drm_xe_gem_create.cpu_caching.

    /// <summary>CPU mappings are write-back cached; only for objects in system memory.</summary>
    public const ushort DRM_XE_GEM_CPU_CACHING_WB = 1;

    /// <summary>CPU mappings are write-combined; required as soon as VRAM is a placement.</summary>
    public const ushort DRM_XE_GEM_CPU_CACHING_WC = 2;

    // Values of drm_xe_gem_mmap_offset.flags.

    /// <summary>Asks for the page whose stores are PCI memory barriers, instead of an object's offset.</summary>
    public const uint DRM_XE_MMAP_OFFSET_FLAG_PCI_BARRIER = 0x1;
}

/// <summary>Argument of GEM_CREATE: allocates a buffer object.</summary>
/// <remarks>
/// Ioctl: <c>DRM_IOCTL_XE_GEM_CREATE</c>. Nodes: primary and render. Permission: none beyond opening the node. Blocks: while memory is
/// allocated and cleared, which may evict other objects. Faults: EFAULT when the extension chain cannot be read. Since: Linux 6.8.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public struct drm_xe_gem_create
{
    /// <summary>User address of the first extension, or 0.</summary>
    public ulong extensions;

    /// <summary>Size in bytes: a multiple of 4096, and of min_page_size when VRAM is a placement.</summary>
    public ulong size;

    /// <summary>Mask of <c>1 &lt;&lt; instance</c> of the memory regions where the object may live; VRAM is tried first.</summary>
    public uint placement;

    /// <summary>Bits of <c>DRM_XE_GEM_CREATE_FLAG_*</c>.</summary>
    public uint flags;

    /// <summary>A VM to which the object stays private (it cannot be exported then), or 0.</summary>
    public uint vm_id;

    /// <summary>Out: handle of the object, unique in the open file. Must be 0 on entry.</summary>
    public uint handle;

    /// <summary>One of <c>DRM_XE_GEM_CPU_CACHING_*</c>.</summary>
    public ushort cpu_caching;

    /// <summary>Must be 0.</summary>
    public InlineArray3<ushort> pad;

    /// <summary>Must be 0.</summary>
    public InlineArray2<ulong> reserved;
}

/// <summary>Argument of GEM_MMAP_OFFSET: gives the offset at which mmap(2) on the file maps an object.</summary>
/// <remarks>
/// Ioctl: <c>DRM_IOCTL_XE_GEM_MMAP_OFFSET</c>. Nodes: primary and render. Permission: none beyond opening the node. Blocks: no. Faults:
/// no. Since: Linux 6.8.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public struct drm_xe_gem_mmap_offset
{
    /// <summary>Must be 0.</summary>
    public ulong extensions;

    /// <summary>The object, or 0 with <c>DRM_XE_MMAP_OFFSET_FLAG_PCI_BARRIER</c>.</summary>
    public uint handle;

    /// <summary>0 or <c>DRM_XE_MMAP_OFFSET_FLAG_PCI_BARRIER</c>.</summary>
    public uint flags;

    /// <summary>Out: offset for mmap(2) in bytes; the same for the whole life of the object.</summary>
    public ulong offset;

    /// <summary>Must be 0.</summary>
    public InlineArray2<ulong> reserved;
}
