using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace XeSvm.Interop.Uapi;

/// <summary>Head of one link in a chain of extensions, at the start of every extension struct.</summary>
/// <remarks>
/// Carried by <c>DRM_IOCTL_XE_GEM_CREATE</c>, <c>DRM_IOCTL_XE_EXEC_QUEUE_CREATE</c> and <c>DRM_IOCTL_XE_OBSERVATION</c>: nodes,
/// permission, blocking and faults are theirs.
/// The kernel follows at most 16 links (E2BIG beyond that) and answers EFAULT when a link cannot be read.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public struct drm_xe_user_extension
{
    /// <summary>User address of the next link, or 0 at the end of the chain.</summary>
    public ulong next_extension;

    /// <summary>
    /// What the link is; the numbers are those of the ioctl that takes the chain, such as
    /// <c>DRM_XE_EXEC_QUEUE_EXTENSION_SET_PROPERTY</c>.
    /// </summary>
    public uint name;

    /// <summary>Must be 0.</summary>
    public uint pad;
}

/// <summary>Extension that sets one property of the object under creation.</summary>
/// <remarks>
/// Carried by <c>DRM_IOCTL_XE_GEM_CREATE</c>, <c>DRM_IOCTL_XE_EXEC_QUEUE_CREATE</c> and <c>DRM_IOCTL_XE_OBSERVATION</c>: nodes,
/// permission, blocking and faults are theirs.
/// </remarks>
[StructLayout(LayoutKind.Explicit, Size = 48)]
public struct drm_xe_ext_set_property
{
    /// <summary>Link to the next extension, and this one's kind.</summary>
    [FieldOffset(0)]
    public drm_xe_user_extension @base;

    /// <summary>Number of the property, from the list of the ioctl that takes the chain.</summary>
    [FieldOffset(16)]
    public uint property;

    /// <summary>Must be 0.</summary>
    [FieldOffset(20)]
    public uint pad;

    /// <summary>The property's new value. Shares its bytes with ptr.</summary>
    [FieldOffset(24)]
    public ulong value;

    /// <summary>User address of the property's new value, for the properties that take one. Shares its bytes with value.</summary>
    [FieldOffset(24)]
    public ulong ptr;

    /// <summary>Must be 0.</summary>
    [FieldOffset(32)]
    public InlineArray2<ulong> reserved;
}
