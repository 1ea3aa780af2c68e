using XeSvm.Interop.Uapi;

namespace XeSvm;

/// <summary>
/// A buffer object: memory that the driver owns, in system memory or VRAM. A GPU reaches it where a VM binds it, the CPU where it is
/// mapped. A binding or a mapping keeps the memory alive after the buffer is disposed.
/// </summary>
public sealed partial class XeBuffer : IDisposable
{
    private readonly GemHandle _handle;
    private readonly Lock _lock = new();
    private XeBufferMapping? _mapping;
    private bool _disposed;

    private XeBuffer(GemHandle handle, ulong size, IReadOnlyList<MemoryLocation> placements, bool isImported)
    {
        _handle = handle;
        Size = size;
        Placements = placements;
        IsImported = isImported;
    }

    /// <summary>The kernel's handle; not 0.</summary>
    public uint Handle => _handle.Id;

    /// <summary>Size in bytes.</summary>
    public ulong Size { get; }

    /// <summary>Where the buffer may be; empty for one that was imported, whose place only its exporter knows.</summary>
    public IReadOnlyList<MemoryLocation> Placements { get; }

    /// <summary>The first of <see cref="Placements"/>; <see cref="MemoryLocation.Default"/> for a buffer that was imported.</summary>
    public MemoryLocation Location => Placements.Count == 0 ? MemoryLocation.Default : Placements[0];

    /// <summary>Whether the buffer came from a dma-buf.</summary>
    public bool IsImported { get; }

    /// <summary>The buffer's memory, mapped for the CPU at the first use. VRAM is mapped write-combined: reading it is slow.</summary>
    /// <exception cref="InvalidOperationException">The buffer is larger than a span can be.</exception>
    /// <exception cref="XeException">It cannot be mapped.</exception>
    /// <exception cref="ObjectDisposedException">The buffer was disposed; the mapping went with it.</exception>
    public Span<byte> Span => MapForCpu().Span;

    /// <summary>Maps the buffer for the CPU, from its first byte on.</summary>
    /// <param name="length">Length in bytes, whole pages; 0 for all of the buffer.</param>
    /// <param name="writable">Whether the CPU may write.</param>
    /// <returns>A mapping of its own, which outlives the buffer.</returns>
    /// <exception cref="XeException">
    /// The driver refused: EINVAL when the buffer is smaller than that or was purged, EBUSY while it is marked as discardable.
    /// </exception>
    /// <exception cref="ObjectDisposedException">The buffer was disposed.</exception>
    public XeBufferMapping Map(nuint length = 0, bool writable = true)
    {
        XeResult result = TryMap(out XeBufferMapping? mapping, length, writable);
        if (mapping is null)
        {
            ThrowHelper.Throw(result, XeOperation.Mmap, $"handle {Handle}, {(length == 0 ? Size : length)} of its {Size} bytes");
        }

        return mapping;
    }

    /// <summary>Maps the buffer for the CPU, from its first byte on, or says why not.</summary>
    /// <param name="mapping">The mapping when the result is success; it outlives the buffer.</param>
    /// <param name="length">Length in bytes, whole pages; 0 for all of the buffer.</param>
    /// <param name="writable">Whether the CPU may write.</param>
    /// <exception cref="ObjectDisposedException">The buffer was disposed.</exception>
    public XeResult TryMap(out XeBufferMapping? mapping, nuint length = 0, bool writable = true)
    {
        mapping = null;
        using HandleUse use = _handle.Borrow(this);
        drm_xe_gem_mmap_offset request = new() { handle = use.Id };
        XeResult result = use.File.Ioctl(DrmXe.DRM_IOCTL_XE_GEM_MMAP_OFFSET, ref request);
        return result.IsSuccess
            ? XeBufferMapping.TryMap(use.File, request.offset, length == 0 ? (nuint)Size : length, writable, out mapping)
            : result;
    }

    /// <summary>Removes the CPU mapping of <see cref="Span"/> and closes the handle.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
            _mapping?.Dispose();
        }

        _handle.Dispose();
    }

    /// <summary>The buffer's own CPU mapping, made at the first call.</summary>
    internal XeBufferMapping MapForCpu()
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return _mapping ??= Map();
        }
    }

    /// <summary>Begins a use of the handle that <see cref="Release"/> ends, and checks that the request goes to the right file.</summary>
    internal uint Acquire(DeviceFile file)
    {
        if (!ReferenceEquals(file, _handle.File))
        {
            throw new ArgumentException(
                $"Buffer {Handle} belongs to another open device: export it and import it on this one.");
        }

        ObjectDisposedException.ThrowIf(!_handle.TryBorrow(), this);
        return _handle.Id;
    }

    /// <summary>Ends what <see cref="Acquire"/> began.</summary>
    internal void Release() => _handle.DangerousRelease();
}
