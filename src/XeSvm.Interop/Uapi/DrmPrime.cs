using System.Runtime.InteropServices;

namespace XeSvm.Interop.Uapi;

public static partial class Drm
{
    // Bits of DRM_CAP_PRIME.

    /// <summary>The driver takes dma-bufs of others.</summary>
    public const ulong DRM_PRIME_CAP_IMPORT = 0x1;

    /// <summary>The driver gives buffer objects away as dma-bufs.</summary>
    public const ulong DRM_PRIME_CAP_EXPORT = 0x2;

    // Values of drm_prime_handle.flags: those of open(2).

    /// <summary>The new file descriptor is closed by exec.</summary>
    public const uint DRM_CLOEXEC = 0x80000;

    /// <summary>The dma-buf may be mapped for writing.</summary>
    public const uint DRM_RDWR = 0x2;

    // Request numbers of this group.

    /// <summary>Exports a buffer object as a dma-buf; takes a drm_prime_handle and writes it back.</summary>
    public const uint DRM_IOCTL_PRIME_HANDLE_TO_FD = 0xc00c642d;

    /// <summary>Imports a dma-buf; takes a drm_prime_handle and writes it back.</summary>
    public const uint DRM_IOCTL_PRIME_FD_TO_HANDLE = 0xc00c642e;
}

/// <summary>Argument of the PRIME ioctls: a buffer object and its dma-buf.</summary>
/// <remarks>
/// Ioctl: <c>DRM_IOCTL_PRIME_HANDLE_TO_FD</c> and <c>DRM_IOCTL_PRIME_FD_TO_HANDLE</c>. Nodes: primary and render. Permission: none
/// beyond opening the node. Blocks: while a foreign buffer is attached. Faults: no.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
public struct drm_prime_handle
{
    /// <summary>The buffer object: in for an export (ENOENT when unknown), out for an import.</summary>
    public uint handle;

    /// <summary>For an export: <c>DRM_CLOEXEC</c> and <c>DRM_RDWR</c>.</summary>
    public uint flags;

    /// <summary>The dma-buf: out for an export, in for an import.</summary>
    public int fd;
}
