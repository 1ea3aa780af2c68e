using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using XeSvm.Interop.LibC;
using XeSvm.Interop.Uapi;

namespace XeSvm;

/// <content>PRIME: buffers as dma-bufs, for other devices, drivers and processes.</content>
public sealed partial class XeBuffer
{
    /// <summary>Gives the buffer a dma-buf (PRIME_HANDLE_TO_FD).</summary>
    /// <param name="writable">Whether a mapping of the descriptor itself may be written.</param>
    /// <returns>The descriptor; the caller's to dispose. It keeps the memory alive, and is closed by exec.</returns>
    /// <exception cref="XeException">EPERM: the buffer is private to a VM. EBUSY: it is marked as discardable. EINVAL: it was purged.</exception>
    /// <exception cref="ObjectDisposedException">The buffer was disposed.</exception>
    public SafeFileHandle Export(bool writable = true)
    {
        XeResult result = TryExport(out SafeFileHandle? descriptor, writable);
        if (descriptor is null)
        {
            ThrowHelper.Throw(result, XeOperation.PrimeExport, $"handle {Handle}, {Size} bytes");
        }

        return descriptor;
    }

    /// <summary>Gives the buffer a dma-buf, or says why not.</summary>
    /// <param name="descriptor">The descriptor when the result is success; the caller's to dispose.</param>
    /// <param name="writable">Whether a mapping of the descriptor itself may be written.</param>
    /// <exception cref="ObjectDisposedException">The buffer was disposed.</exception>
    public XeResult TryExport(out SafeFileHandle? descriptor, bool writable = true)
    {
        using HandleUse use = _handle.Borrow(this);
        drm_prime_handle request = new()
        {
            handle = use.Id,
            flags = Drm.DRM_CLOEXEC | (writable ? Drm.DRM_RDWR : 0),
            fd = -1,
        };
        XeResult result = use.File.Ioctl(Drm.DRM_IOCTL_PRIME_HANDLE_TO_FD, ref request);
        descriptor = result.IsSuccess ? new SafeFileHandle(request.fd, ownsHandle: true) : null;
        return result;
    }

    /// <summary>Makes a buffer of a dma-buf, or says why not.</summary>
    internal static XeResult TryImport(DeviceFile file, SafeHandle descriptor, out XeBuffer? buffer)
    {
        buffer = null;
        using DescriptorUse use = new(descriptor);

        // A dma-buf tells its size as the position of its end (dma_buf_llseek).
        long size = SystemCalls.SizeOf(use.Number);
        if (size < 0)
        {
            return XeResult.FromCall((int)size);
        }

        XeResult result = file.Gems.Import(file, use.Number, out uint handle);
        if (result.IsSuccess)
        {
            buffer = new XeBuffer(new GemHandle(file, handle), (ulong)size, [], isImported: true);
        }

        return result;
    }
}
