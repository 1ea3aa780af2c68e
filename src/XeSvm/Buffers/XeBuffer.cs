using XeSvm.Interop;
using XeSvm.Interop.Uapi;

namespace XeSvm;

/// <summary>
/// A buffer object: memory that the driver owns, in system memory or VRAM. A GPU reaches it where a VM binds it, the CPU where it is
/// mapped. A binding keeps the memory alive after the buffer is disposed.
/// </summary>
public sealed unsafe class XeBuffer : IDisposable
{
    private readonly DeviceFile _file;
    private readonly Lock _lock = new();
    private nint _mapping;
    private bool _disposed;

    private XeBuffer(DeviceFile file, uint handle, ulong size, MemoryLocation location)
    {
        _file = file;
        Handle = handle;
        Size = size;
        Location = location;
    }

    /// <summary>The kernel's handle; not 0.</summary>
    public uint Handle { get; }

    /// <summary>Size in bytes.</summary>
    public ulong Size { get; }

    /// <summary>Where the buffer was asked to be.</summary>
    public MemoryLocation Location { get; }

    /// <summary>The buffer's memory, mapped for the CPU at the first use. VRAM is mapped write-combined: reading it is slow.</summary>
    /// <exception cref="InvalidOperationException">The buffer is larger than a span can be.</exception>
    /// <exception cref="XeException">It cannot be mapped.</exception>
    /// <exception cref="ObjectDisposedException">The buffer was disposed; the mapping went with it.</exception>
    public Span<byte> Span
    {
        get
        {
            if (Size > int.MaxValue)
            {
                throw new InvalidOperationException($"The buffer has {Size} bytes, more than a span can hold.");
            }

            return new Span<byte>((void*)MapForCpu(), (int)Size);
        }
    }

    /// <summary>Removes the CPU mapping and closes the handle.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
            if (_mapping != 0)
            {
                _ = _file.Unmap(_mapping, (nuint)Size);
            }

            drm_gem_close request = new() { handle = Handle };
            _ = _file.Ioctl(Drm.DRM_IOCTL_GEM_CLOSE, ref request);
            _file.Release();
        }
    }

    /// <summary>Makes a buffer object; it takes a reference of its own to the file.</summary>
    internal static XeBuffer Create(XeDevice device, DeviceFile file, ulong size, MemoryLocation location)
    {
        XeMemoryRegion region = RegionOf(device, location);
        drm_xe_gem_create request = new()
        {
            size = size,
            placement = region.PlacementMask,
            cpu_caching = region.MemoryClass == XeMemoryClass.System ? DrmXe.DRM_XE_GEM_CPU_CACHING_WB : DrmXe.DRM_XE_GEM_CPU_CACHING_WC,
        };
        XeResult result = file.Ioctl(DrmXe.DRM_IOCTL_XE_GEM_CREATE, ref request);
        if (!result.IsSuccess)
        {
            ThrowHelper.Throw(result, XeOperation.GemCreate, $"{size} bytes in {location}, minimum page size {region.MinimumPageSize}");
        }

        return new XeBuffer(file.Reference(), request.handle, size, location);
    }

    /// <summary>The address of the CPU mapping, made at the first call.</summary>
    internal nint MapForCpu()
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_mapping != 0)
            {
                return _mapping;
            }

            drm_xe_gem_mmap_offset request = new() { handle = Handle };
            XeResult result = _file.Ioctl(DrmXe.DRM_IOCTL_XE_GEM_MMAP_OFFSET, ref request);
            if (!result.IsSuccess)
            {
                ThrowHelper.Throw(result, XeOperation.GemMmapOffset, $"handle {Handle}");
            }

            result = _file.Map(request.offset, (nuint)Size, DrmMapProtection.Read | DrmMapProtection.Write, out nint address);
            if (!result.IsSuccess)
            {
                ThrowHelper.Throw(result, XeOperation.Mmap, $"handle {Handle}, {Size} bytes at offset 0x{request.offset:x}");
            }

            _mapping = address;
            return address;
        }
    }

    private static XeMemoryRegion RegionOf(XeDevice device, MemoryLocation location)
    {
        if (location.IsDefault)
        {
            throw new ArgumentException("A buffer object needs a place: MemoryLocation.System or MemoryLocation.Device().", nameof(location));
        }

        return device.FindRegion(location)
            ?? throw new ArgumentException($"The device has no memory region {location}. {device.DescribeRegions()}", nameof(location));
    }
}
