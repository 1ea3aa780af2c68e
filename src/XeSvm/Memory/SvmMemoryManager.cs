using System.Buffers;

namespace XeSvm;

/// <summary>A part of an SVM buffer as <see cref="Memory{T}"/>. Pins keep the buffer's memory mapped.</summary>
internal sealed class SvmMemoryManager<T>(SvmBuffer<T> buffer, nuint start, int length) : MemoryManager<T>
    where T : unmanaged
{
    /// <inheritdoc/>
    public override Memory<T> Memory => CreateMemory(length);

    /// <inheritdoc/>
    public override Span<T> GetSpan() => buffer.AsSpan(start, length);

    /// <inheritdoc/>
    public override MemoryHandle Pin(int elementIndex = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(elementIndex);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(elementIndex, length);
        return buffer.Pin(start + (nuint)elementIndex, this);
    }

    /// <inheritdoc/>
    public override void Unpin() => buffer.Unpin();

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        // The memory is the buffer's.
    }
}
