namespace XeSvm;

/// <summary>
/// A buffer object in system memory that CPU and GPU see at one address: bound, with page tables written, where the CPU has it mapped.
/// GPU accesses to it never fault, so it leaves no trace in the SVM statistics.
/// </summary>
internal sealed class SharedBuffer : IDisposable
{
    private readonly XeVm _vm;
    private readonly XeBuffer _buffer;
    private readonly GpuRange _range;
    private int _disposed;

    private SharedBuffer(XeVm vm, XeBuffer buffer, GpuRange range)
    {
        _vm = vm;
        _buffer = buffer;
        _range = range;
    }

    /// <summary>The first byte, for CPU and GPU.</summary>
    internal nint Address => (nint)_range.Address;

    /// <summary>Length in bytes; whole pages.</summary>
    internal nuint Length => (nuint)_range.Length;

    /// <summary>Makes a zero-filled buffer.</summary>
    internal static SharedBuffer Create(XeVm vm, nuint length)
    {
        ArgumentOutOfRangeException.ThrowIfZero(length);
        ulong size = new GpuRange(0, length).ToPages().Length;
        XeBuffer buffer = XeBuffer.Create(vm.Device, vm.File, new() { Size = size, Placements = [MemoryLocation.System] });
        SharedBuffer? shared = null;
        try
        {
            GpuRange range = new((ulong)buffer.MapForCpu().Address, size);
            vm.Bind(buffer, 0, range);
            shared = new SharedBuffer(vm, buffer, range);
            return shared;
        }
        finally
        {
            if (shared is null)
            {
                buffer.Dispose();
            }
        }
    }

    /// <summary>Unbinds and unmaps. A VM that is disposed already has nothing left to unbind.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            _ = _vm.UnbindUnlessGone(_range);
            _buffer.Dispose();
        }
    }
}
