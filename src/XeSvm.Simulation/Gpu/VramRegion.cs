namespace XeSvm.Simulation.Gpu;

/// <summary>
/// The VRAM of one tile, at its place in the device's address space: the part that the CPU can reach through the BAR, then the rest. An
/// allocation lies in one of the two. Safe from any thread.
/// </summary>
internal sealed class VramRegion : IDisposable
{
    private readonly VramManager? _visible;
    private readonly VramManager? _hidden;
    private readonly ulong _hiddenOffset;

    /// <param name="firstOffset">Device address of the first byte.</param>
    /// <param name="total">Size in bytes; 0 on integrated devices.</param>
    /// <param name="visible">How much of it the CPU can reach; all of it with a full BAR.</param>
    /// <param name="pageSize">Smallest unit in bytes.</param>
    public VramRegion(ulong firstOffset, ulong total, ulong visible, ulong pageSize)
    {
        FirstOffset = firstOffset;
        Total = total;
        VisibleTotal = visible;
        PageSize = pageSize;
        _hiddenOffset = firstOffset + visible;
        _visible = visible == 0 ? null : new VramManager(visible, pageSize);
        _hidden = visible == total ? null : new VramManager(total - visible, pageSize);
    }

    /// <summary>Device address of the first byte.</summary>
    public ulong FirstOffset { get; }

    /// <summary>All of it in bytes.</summary>
    public ulong Total { get; }

    /// <summary>The part that the CPU can reach, in bytes.</summary>
    public ulong VisibleTotal { get; }

    /// <summary>Smallest unit in bytes.</summary>
    public ulong PageSize { get; }

    /// <summary>Allocated bytes.</summary>
    public ulong Used => VisibleUsed + (_hidden?.Used ?? 0);

    /// <summary>Allocated bytes of the part that the CPU can reach.</summary>
    public ulong VisibleUsed => _visible?.Used ?? 0;

    /// <summary>Whether the region has an address at all.</summary>
    public bool Contains(ulong offset) => offset - FirstOffset < Total;

    /// <summary>Whether the CPU can reach an address of the region.</summary>
    public bool IsVisible(ulong offset) => offset < _hiddenOffset;

    /// <summary>Whether an allocation could ever succeed.</summary>
    public bool CanHold(ulong size, bool needsVisible) =>
        size <= VisibleTotal || (!needsVisible && size <= Total - VisibleTotal);

    /// <summary>Allocates contiguous VRAM; what need not be visible keeps out of the visible part as long as it can (xe_bo.c).</summary>
    /// <param name="size">Bytes; rounded up to whole units. Not 0.</param>
    /// <param name="needsVisible">Only where the CPU can reach it.</param>
    /// <param name="offset">Device address of the first byte.</param>
    public bool TryAllocate(ulong size, bool needsVisible, out ulong offset)
    {
        if (!needsVisible && _hidden is not null && _hidden.TryAllocate(size, out offset))
        {
            offset += _hiddenOffset;
            return true;
        }

        offset = 0;
        if (_visible is null || !_visible.TryAllocate(size, out offset))
        {
            return false;
        }

        offset += FirstOffset;
        return true;
    }

    /// <summary>As the other, for device pages, which the CPU never reaches directly.</summary>
    public bool TryAllocate(ulong size, out ulong offset) => TryAllocate(size, needsVisible: false, out offset);

    /// <summary>Frees an allocation and returns its size in bytes.</summary>
    /// <exception cref="InvalidOperationException">No allocation starts there: a double free, or never allocated.</exception>
    public ulong Free(ulong offset) => IsVisible(offset) ? _visible!.Free(offset - FirstOffset) : _hidden!.Free(offset - _hiddenOffset);

    /// <inheritdoc/>
    public void Dispose()
    {
        _visible?.Dispose();
        _hidden?.Dispose();
    }
}
