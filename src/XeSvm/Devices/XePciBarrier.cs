using XeSvm.Interop;
using XeSvm.Interop.Uapi;

namespace XeSvm;

/// <summary>
/// A page whose stores are memory barriers between the process and a discrete device: what the process has written to VRAM before
/// <see cref="Store"/> is there before what it writes after (xe_pci_barrier_mmap). May be used by several threads at once.
/// </summary>
public sealed unsafe class XePciBarrier : IDisposable
{
    private const nuint PageBytes = 4096;

    private readonly DeviceFile _file;
    private readonly nint _address;
    private readonly Lock _lock = new();
    private bool _disposed;

    private XePciBarrier(DeviceFile file, nint address)
    {
        _file = file;
        _address = address;
    }

    /// <summary>Makes the barrier.</summary>
    /// <exception cref="ObjectDisposedException">The barrier was disposed.</exception>
    public void Store()
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);

            // The page can only be written.
            Volatile.Write(ref *(uint*)_address, 0);
        }
    }

    /// <summary>Unmaps the page.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
            _ = _file.Unmap(_address, PageBytes);
        }

        _file.Release();
    }

    /// <summary>Maps the page; the barrier takes a reference of its own to the file.</summary>
    internal static XeResult TryCreate(DeviceFile file, out XePciBarrier? barrier)
    {
        barrier = null;
        drm_xe_gem_mmap_offset request = new() { flags = DrmXe.DRM_XE_MMAP_OFFSET_FLAG_PCI_BARRIER };
        XeResult result = file.Ioctl(DrmXe.DRM_IOCTL_XE_GEM_MMAP_OFFSET, ref request);
        if (!result.IsSuccess)
        {
            return result;
        }

        result = file.Map(request.offset, PageBytes, DrmMapProtection.Write, out nint address);
        barrier = result.IsSuccess ? new XePciBarrier(file.Reference(), address) : null;
        return result;
    }
}
