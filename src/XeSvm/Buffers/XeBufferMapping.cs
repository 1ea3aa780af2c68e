using System.Buffers;
using XeSvm.Interop;

namespace XeSvm;

/// <summary>
/// A buffer object's memory as the CPU sees it. After <see cref="Dispose"/> it gives no span, memory or pin any more; the pages stay mapped
/// until the last pin is gone. Spans that were taken before end with the mapping: do not keep them.
/// </summary>
/// <remarks>
/// The mapping keeps the memory alive after the buffer is disposed. There is no finalizer, as a span could outlive this object: a mapping
/// that nobody disposes stays until the process ends.
/// </remarks>
public sealed unsafe class XeBufferMapping : IMemoryOwner<byte>, IPinnableMemory<byte>
{
    private readonly DeviceFile _file;
    private readonly nint _address;
    private readonly PinnedLifetime _lifetime;
    private PinnableMemoryManager<byte>? _manager;

    private XeBufferMapping(DeviceFile file, nint address, nuint length, bool isWritable)
    {
        _file = file;
        _address = address;
        Length = length;
        IsWritable = isWritable;
        _lifetime = new PinnedLifetime(Unmap);
    }

    /// <summary>Length in bytes.</summary>
    public nuint Length { get; }

    /// <summary>Whether the CPU may write. A write to a read-only mapping ends the process, as any such write does.</summary>
    public bool IsWritable { get; }

    /// <summary>The first byte.</summary>
    /// <exception cref="ObjectDisposedException">The mapping was disposed.</exception>
    public nint Address
    {
        get
        {
            ObjectDisposedException.ThrowIf(_lifetime.IsDisposed, this);
            return _address;
        }
    }

    /// <summary>All of it.</summary>
    /// <exception cref="InvalidOperationException">It is larger than a span can be: use <see cref="AsSpan"/>.</exception>
    /// <exception cref="ObjectDisposedException">The mapping was disposed.</exception>
    public Span<byte> Span => new((void*)Address, SpanLength());

    /// <summary>All of it, in a form that can be kept and pinned; it fails, instead of pointing nowhere, once this is disposed.</summary>
    /// <exception cref="InvalidOperationException">It is larger than a memory can be.</exception>
    /// <exception cref="ObjectDisposedException">The mapping was disposed.</exception>
    public Memory<byte> Memory
    {
        get
        {
            _ = Address;
            return (_manager ??= new PinnableMemoryManager<byte>(this, 0, SpanLength())).Memory;
        }
    }

    /// <summary>A part of it.</summary>
    /// <param name="start">First byte.</param>
    /// <param name="length">Length in bytes.</param>
    /// <exception cref="ArgumentOutOfRangeException">The part does not lie inside the mapping.</exception>
    /// <exception cref="ObjectDisposedException">The mapping was disposed.</exception>
    public Span<byte> AsSpan(nuint start, int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        if (start > Length || (nuint)length > Length - start)
        {
            throw new ArgumentOutOfRangeException(
                nameof(start), start, $"{length} bytes from {start} on do not lie inside a mapping of {Length} bytes.");
        }

        return new Span<byte>((byte*)Address + start, length);
    }

    /// <summary>Unmaps the memory, or lets the last unpinning do it.</summary>
    public void Dispose() => _lifetime.Dispose();

    /// <inheritdoc/>
    MemoryHandle IPinnableMemory<byte>.Pin(nuint element, IPinnable owner)
    {
        _lifetime.Pin(this);
        return new MemoryHandle((byte*)_address + element, default, owner);
    }

    /// <inheritdoc/>
    void IPinnableMemory<byte>.Unpin() => _lifetime.Unpin();

    /// <summary>Maps an object of the file; it takes a reference of its own to the file.</summary>
    internal static XeResult TryMap(
        DeviceFile file, ulong offset, nuint length, bool writable, out XeBufferMapping? mapping)
    {
        DrmMapProtection protection = writable ? DrmMapProtection.Read | DrmMapProtection.Write : DrmMapProtection.Read;
        XeResult result = file.Map(offset, length, protection, out nint address);
        mapping = result.IsSuccess ? new XeBufferMapping(file.Reference(), address, length, writable) : null;
        return result;
    }

    private int SpanLength() => Length <= int.MaxValue
        ? (int)Length
        : throw new InvalidOperationException(
            $"The mapping has {Length} bytes, more than a span can hold: take parts with AsSpan(start, length).");

    private void Unmap()
    {
        _ = _file.Unmap(_address, Length);
        _file.Release();
    }
}
