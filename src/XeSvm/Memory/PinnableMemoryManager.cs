using System.Buffers;

namespace XeSvm;

/// <summary>Memory outside the heap that can be pinned: while it is, disposing its owner does not unmap it.</summary>
internal interface IPinnableMemory<T>
    where T : unmanaged
{
    /// <summary>Some of the elements.</summary>
    Span<T> AsSpan(nuint start, int length);

    /// <summary>Keeps the memory mapped until <see cref="Unpin"/>.</summary>
    MemoryHandle Pin(nuint element, IPinnable owner);

    /// <summary>Ends what <see cref="Pin"/> began.</summary>
    void Unpin();
}

/// <summary>A part of such memory as <see cref="Memory{T}"/>. Pins keep it mapped.</summary>
internal sealed class PinnableMemoryManager<T>(IPinnableMemory<T> owner, nuint start, int length) : MemoryManager<T>
    where T : unmanaged
{
    /// <inheritdoc/>
    public override Memory<T> Memory => CreateMemory(length);

    /// <inheritdoc/>
    public override Span<T> GetSpan() => owner.AsSpan(start, length);

    /// <inheritdoc/>
    public override MemoryHandle Pin(int elementIndex = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(elementIndex);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(elementIndex, length);
        return owner.Pin(start + (nuint)elementIndex, this);
    }

    /// <inheritdoc/>
    public override void Unpin() => owner.Unpin();

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        // The memory is the owner's.
    }
}
