using System.Buffers;
using System.Runtime.CompilerServices;

namespace XeSvm;

/// <summary>
/// Memory that CPU and GPU use at the same address: private anonymous memory of the process, seen by the GPU through a mirror VM. The
/// pages move to where they are touched; an access is never wrong, only slower.
/// </summary>
/// <typeparam name="T">The elements' type.</typeparam>
/// <remarks>
/// The memory is page-aligned, and aligned to 2 MiB when it is at least that large, so that one GPU fault can move 2 MiB. Disposing
/// unmaps it: spans taken earlier must not be used any more, and a GPU access to it bans the queue. Memory that is pinned through
/// <see cref="AsMemory(nuint, int)"/> stays until it is unpinned. A buffer that is never disposed stays until the process ends.
/// </remarks>
public sealed unsafe class SvmBuffer<T> : IDisposable
    where T : unmanaged
{
    private readonly AnonymousMemory _memory;
    private readonly DeviceFile _file;
    private readonly Lock _lock = new();
    private int _pins;
    private bool _disposed;

    /// <summary>Allocates memory; it takes a reference of its own to the file.</summary>
    internal SvmBuffer(DeviceFile file, nuint length)
    {
        ArgumentOutOfRangeException.ThrowIfZero(length);
        if (length > nuint.MaxValue / (nuint)sizeof(T))
        {
            throw new ArgumentOutOfRangeException(
                nameof(length), length, $"{length} elements of {sizeof(T)} bytes exceed the address space.");
        }

        _memory = AnonymousMemory.Map(length * (nuint)sizeof(T));
        _file = file.Reference();
        Length = length;
    }

    /// <summary>Number of elements.</summary>
    public nuint Length { get; }

    /// <summary>Length in bytes of the mapping: the elements, rounded up to pages.</summary>
    public nuint ByteLength => _memory.Length;

    /// <summary>The address of the first element, for CPU and GPU alike.</summary>
    /// <exception cref="ObjectDisposedException">The buffer was disposed.</exception>
    public ulong GpuAddress => (ulong)Pointer;

    /// <summary>The whole mapping as a range for prefetch and advice.</summary>
    /// <exception cref="ObjectDisposedException">The buffer was disposed.</exception>
    public GpuRange Range => new(GpuAddress, _memory.Length);

    /// <summary>All elements.</summary>
    /// <exception cref="InvalidOperationException">There are more than <see cref="int.MaxValue"/>: use <see cref="AsSpan"/>.</exception>
    /// <exception cref="ObjectDisposedException">The buffer was disposed.</exception>
    public Span<T> Span => Length <= int.MaxValue
        ? new Span<T>((void*)Pointer, (int)Length)
        : throw new InvalidOperationException(
            $"The buffer has {Length} elements, more than a span can hold: take parts with AsSpan(start, length).");

    /// <summary>One element.</summary>
    /// <param name="index">Its index.</param>
    /// <exception cref="ArgumentOutOfRangeException">The index is not below <see cref="Length"/>.</exception>
    /// <exception cref="ObjectDisposedException">The buffer was disposed.</exception>
    public ref T this[nuint index]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Length);
            return ref Unsafe.AsRef<T>((T*)Pointer + index);
        }
    }

    /// <summary>Some of the elements.</summary>
    /// <param name="start">Index of the first.</param>
    /// <param name="length">How many.</param>
    /// <exception cref="ArgumentOutOfRangeException">They do not all lie inside the buffer.</exception>
    /// <exception cref="ObjectDisposedException">The buffer was disposed.</exception>
    public Span<T> AsSpan(nuint start, int length)
    {
        CheckPart(start, length);
        return new Span<T>((T*)Pointer + start, length);
    }

    /// <summary>Some of the elements, in a form that can be kept and pinned.</summary>
    /// <param name="start">Index of the first.</param>
    /// <param name="length">How many.</param>
    /// <exception cref="ArgumentOutOfRangeException">They do not all lie inside the buffer.</exception>
    /// <exception cref="ObjectDisposedException">The buffer was disposed.</exception>
    public Memory<T> AsMemory(nuint start, int length)
    {
        CheckPart(start, length);
        _ = Pointer;
        return new SvmMemoryManager<T>(this, start, length).Memory;
    }

    /// <summary>The GPU address of an element.</summary>
    /// <param name="index">Its index.</param>
    /// <exception cref="ArgumentOutOfRangeException">The index is not below <see cref="Length"/>.</exception>
    /// <exception cref="ObjectDisposedException">The buffer was disposed.</exception>
    public ulong GpuAddressOf(nuint index)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Length);
        return GpuAddress + index * (nuint)sizeof(T);
    }

    /// <summary>Unmaps the memory, or lets the last unpinning do it.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
            if (_pins == 0)
            {
                Release();
            }
        }
    }

    /// <summary>Keeps the memory mapped until <see cref="Unpin"/>.</summary>
    internal MemoryHandle Pin(nuint element, IPinnable owner)
    {
        lock (_lock)
        {
            T* pointer = (T*)Pointer + element;
            _pins++;
            return new MemoryHandle(pointer, default, owner);
        }
    }

    /// <summary>Ends what <see cref="Pin"/> began.</summary>
    internal void Unpin()
    {
        lock (_lock)
        {
            if (_pins == 0)
            {
                throw new InvalidOperationException("The buffer is not pinned.");
            }

            _pins--;
            if (_pins == 0 && _disposed)
            {
                Release();
            }
        }
    }

    private nint Pointer
    {
        get
        {
            ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed), this);
            return _memory.Address;
        }
    }

    private void Release()
    {
        _memory.Dispose();
        _file.Release();
    }

    private void CheckPart(nuint start, int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        if (start > Length || (nuint)length > Length - start)
        {
            throw new ArgumentOutOfRangeException(
                nameof(start), start, $"{length} elements from {start} on do not lie inside a buffer of {Length} elements.");
        }
    }
}
