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
public sealed unsafe class SvmBuffer<T> : IPinnableMemory<T>, IDisposable
    where T : unmanaged
{
    private readonly AnonymousMemory _memory;
    private readonly DeviceFile _file;
    private readonly ISvmMemoryOwner? _owner;
    private readonly PinnedLifetime _lifetime;

    /// <summary>Allocates memory; it takes a reference of its own to the file.</summary>
    /// <param name="vm">The mirror VM.</param>
    /// <param name="length">Number of elements.</param>
    /// <param name="owner">Whom to tell, before it is unmapped, that the memory goes; or <see langword="null"/>.</param>
    internal SvmBuffer(XeVm vm, nuint length, ISvmMemoryOwner? owner = null)
    {
        DeviceFile file = vm.File;
        ArgumentOutOfRangeException.ThrowIfZero(length);
        if (length > nuint.MaxValue / (nuint)sizeof(T))
        {
            throw new ArgumentOutOfRangeException(
                nameof(length), length, $"{length} elements of {sizeof(T)} bytes exceed the address space.");
        }

        _memory = AnonymousMemory.Map(length * (nuint)sizeof(T));
        _file = file.Reference();
        _owner = owner;
        _lifetime = new PinnedLifetime(Release);
        Vm = vm;
        Length = length;
    }

    /// <summary>The VM that it was allocated for. All mirror VMs of the process see it.</summary>
    public XeVm Vm { get; }

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

    /// <summary>The whole mapping, to be advised and prefetched.</summary>
    /// <exception cref="ObjectDisposedException">The buffer was disposed.</exception>
    public SvmRange SvmRange => new(Vm, Range);

    /// <summary>Where the memory should be when the GPU touches it; see <see cref="SvmRange.PreferredLocation"/>.</summary>
    /// <exception cref="ObjectDisposedException">The buffer was disposed.</exception>
    /// <exception cref="XeException">The driver refused.</exception>
    public MemoryLocation? PreferredLocation
    {
        get => SvmRange.PreferredLocation;
        set => SvmRange.PreferredLocation = value;
    }

    /// <summary>Who does atomic operations on the memory; see <see cref="SvmRange.AtomicAccess"/>.</summary>
    /// <exception cref="ObjectDisposedException">The buffer was disposed.</exception>
    /// <exception cref="XeException">The driver refused.</exception>
    public AtomicAccess? AtomicAccess
    {
        get => SvmRange.AtomicAccess;
        set => SvmRange.AtomicAccess = value;
    }

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
        return new PinnableMemoryManager<T>(this, start, length).Memory;
    }

    /// <summary>All elements, in a form that can be kept and pinned.</summary>
    /// <exception cref="InvalidOperationException">There are more than <see cref="int.MaxValue"/>: take parts.</exception>
    /// <exception cref="ObjectDisposedException">The buffer was disposed.</exception>
    public Memory<T> AsMemory() => Length <= int.MaxValue
        ? AsMemory(0, (int)Length)
        : throw new InvalidOperationException(
            $"The buffer has {Length} elements, more than a memory can hold: take parts with AsMemory(start, length).");

    /// <summary>The GPU address of an element.</summary>
    /// <param name="index">Its index.</param>
    /// <exception cref="ArgumentOutOfRangeException">The index is not below <see cref="Length"/>.</exception>
    /// <exception cref="ObjectDisposedException">The buffer was disposed.</exception>
    public ulong GpuAddressOf(nuint index)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Length);
        return GpuAddress + index * (nuint)sizeof(T);
    }

    /// <summary>Some of the elements, to be advised and prefetched.</summary>
    /// <param name="start">Index of the first.</param>
    /// <param name="length">How many, at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">They do not all lie inside the buffer.</exception>
    /// <exception cref="ObjectDisposedException">The buffer was disposed.</exception>
    public SvmRange Slice(nuint start, nuint length)
    {
        ArgumentOutOfRangeException.ThrowIfZero(length);
        CheckPart(start, length);
        return new SvmRange(Vm, new GpuRange(GpuAddress + start * (nuint)sizeof(T), length * (nuint)sizeof(T)));
    }

    /// <summary>Tells the driver something about the memory.</summary>
    /// <param name="advice">What.</param>
    /// <exception cref="ObjectDisposedException">The buffer was disposed.</exception>
    /// <exception cref="XeException">The driver refused, or cannot take such advice (EOPNOTSUPP).</exception>
    public void Advise(Advice advice) => Vm.Advise(Range, advice);

    /// <summary>Tells the driver something about the memory, or says why not.</summary>
    /// <param name="advice">What.</param>
    /// <exception cref="ObjectDisposedException">The buffer was disposed.</exception>
    public XeResult TryAdvise(Advice advice) => Vm.TryAdvise(Range, advice);

    /// <summary>The advice for each mapping that the memory touches.</summary>
    /// <exception cref="ObjectDisposedException">The buffer was disposed.</exception>
    /// <exception cref="XeException">The driver refused; it needs Linux 6.18.</exception>
    public IReadOnlyList<SvmRangeAttributes> GetAttributes() => Vm.GetAttributes(Range);

    /// <summary>Moves the memory ahead of its use; see <see cref="XeVm.Prefetch(GpuRange, MemoryLocation)"/>.</summary>
    /// <param name="location">Where to; <see cref="MemoryLocation.Default"/> means where the advice says.</param>
    /// <exception cref="ObjectDisposedException">The buffer was disposed.</exception>
    /// <exception cref="XeException">The driver refused.</exception>
    public void Prefetch(MemoryLocation location) => Vm.Prefetch(Range, location);

    /// <summary>Moves the memory ahead of its use, or says why not.</summary>
    /// <param name="location">Where to; <see cref="MemoryLocation.Default"/> means where the advice says.</param>
    /// <exception cref="ObjectDisposedException">The buffer was disposed.</exception>
    public XeResult TryPrefetch(MemoryLocation location) => Vm.TryPrefetch(Range, location);

    /// <summary>Moves the memory ahead of its use, on a thread of the pool.</summary>
    /// <param name="location">Where to; <see cref="MemoryLocation.Default"/> means where the advice says.</param>
    /// <param name="cancellationToken">Ends the prefetch between two parts; what was moved stays where it is.</param>
    /// <exception cref="ObjectDisposedException">The buffer was disposed.</exception>
    public Task PrefetchAsync(MemoryLocation location, CancellationToken cancellationToken = default) =>
        Vm.PrefetchAsync(Range, location, cancellationToken);

    /// <summary>Unmaps the memory, or lets the last unpinning do it.</summary>
    public void Dispose() => _lifetime.Dispose();

    /// <inheritdoc/>
    MemoryHandle IPinnableMemory<T>.Pin(nuint element, IPinnable owner)
    {
        _lifetime.Pin(this);
        return new MemoryHandle((T*)_memory.Address + element, default, owner);
    }

    /// <inheritdoc/>
    void IPinnableMemory<T>.Unpin() => _lifetime.Unpin();

    private nint Pointer
    {
        get
        {
            ObjectDisposedException.ThrowIf(_lifetime.IsDisposed, this);
            return _memory.Address;
        }
    }

    private void Release()
    {
        _owner?.Forget((ulong)_memory.Address);
        _memory.Dispose();
        _file.Release();
    }

    private void CheckPart(nuint start, int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        CheckPart(start, (nuint)length);
    }

    private void CheckPart(nuint start, nuint length)
    {
        if (start > Length || length > Length - start)
        {
            throw new ArgumentOutOfRangeException(
                nameof(start), start, $"{length} elements from {start} on do not lie inside a buffer of {Length} elements.");
        }
    }
}
