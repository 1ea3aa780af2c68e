using System.Runtime.InteropServices;

namespace XeSvm;

/// <summary>
/// Memory of the process at a GPU address of its own (userptr), for VMs that do not mirror: a managed array, pinned for as long as the GPU
/// can reach it, or native memory.
/// </summary>
/// <remarks>
/// The GPU sees whole pages, so also what lies beside the memory on its first and last page. A mapping of an array that is never disposed
/// keeps the array pinned: a garbage collection must never move memory that the GPU writes.
/// </remarks>
public sealed class XeUserMapping : IDisposable
{
    private readonly XeVm _vm;
    private readonly Lock _lock = new();
    private GCHandle _pin;
    private bool _disposed;

    private XeUserMapping(XeVm vm, GpuRange range, ulong offset, ulong length, GCHandle pin)
    {
        _vm = vm;
        _pin = pin;
        Range = range;
        GpuAddress = range.Address + offset;
        Length = length;
    }

    /// <summary>The pages that are bound.</summary>
    public GpuRange Range { get; }

    /// <summary>The GPU address of the memory's first byte.</summary>
    public ulong GpuAddress { get; }

    /// <summary>Length of the memory in bytes.</summary>
    public ulong Length { get; }

    /// <summary>Removes the binding and unpins the memory. A VM that was disposed before has removed the binding already.</summary>
    /// <exception cref="XeException">The driver refused to remove the binding: the memory stays pinned, and this can be tried again.</exception>
    public void Dispose()
    {
        lock (_lock)
        {
            if (_disposed)
            {
                return;
            }

            _vm.UnbindOrThrow(Range);
            _disposed = true;
            if (_pin.IsAllocated)
            {
                _pin.Free();
            }
        }
    }

    /// <summary>Binds the pages around memory, and takes the pin over.</summary>
    internal static XeResult TryMap(
        XeVm vm, nint address, nuint length, ulong gpuAddress, XeBindOptions options, GCHandle pin, out XeUserMapping? mapping)
    {
        GpuRange pages = new GpuRange((ulong)address, length).ToPages();
        GpuRange range = new(gpuAddress, pages.Length);
        XeResult result = vm.TryBind([XeBindOperation.MapUserMemory((nint)pages.Address, range, options)]);
        mapping = result.IsSuccess ? new XeUserMapping(vm, range, (ulong)address - pages.Address, length, pin) : null;
        return result;
    }
}
