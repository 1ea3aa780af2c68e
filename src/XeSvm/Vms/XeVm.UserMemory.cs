using System.Runtime.InteropServices;

namespace XeSvm;

/// <content>Memory of the process at GPU addresses of its own (userptr).</content>
public sealed partial class XeVm
{
    /// <summary>Pins a managed array and binds it.</summary>
    /// <typeparam name="T">The elements' type.</typeparam>
    /// <param name="array">The array, not empty. It stays pinned until the mapping is disposed.</param>
    /// <param name="gpuAddress">Where the GPU shall see the pages around it; a multiple of 4096.</param>
    /// <param name="options">What else.</param>
    /// <exception cref="XeException">The driver refused; nothing was bound or pinned.</exception>
    public XeUserMapping MapArray<T>(T[] array, ulong gpuAddress, XeBindOptions options = XeBindOptions.Immediate)
        where T : unmanaged
    {
        XeResult result = TryMapArray(array, gpuAddress, out XeUserMapping? mapping, options);
        if (mapping is null)
        {
            ThrowHelper.Throw(result, XeOperation.VmBindUserMemory, $"{array.Length} elements of an array at 0x{gpuAddress:x} in VM {Id}");
        }

        return mapping;
    }

    /// <summary>Pins a managed array and binds it, or says why not.</summary>
    /// <typeparam name="T">The elements' type.</typeparam>
    /// <param name="array">The array, not empty. It stays pinned until the mapping is disposed.</param>
    /// <param name="gpuAddress">Where the GPU shall see the pages around it; a multiple of 4096.</param>
    /// <param name="mapping">The mapping when the result is success.</param>
    /// <param name="options">What else.</param>
    public unsafe XeResult TryMapArray<T>(
        T[] array, ulong gpuAddress, out XeUserMapping? mapping, XeBindOptions options = XeBindOptions.Immediate)
        where T : unmanaged
    {
        ArgumentNullException.ThrowIfNull(array);
        ArgumentOutOfRangeException.ThrowIfZero(array.Length);
        GCHandle pin = GCHandle.Alloc(array, GCHandleType.Pinned);
        mapping = null;
        try
        {
            nuint length = (nuint)array.Length * (nuint)sizeof(T);
            return XeUserMapping.TryMap(this, pin.AddrOfPinnedObject(), length, gpuAddress, options, pin, out mapping);
        }
        finally
        {
            if (mapping is null)
            {
                pin.Free();
            }
        }
    }

    /// <summary>Binds native memory of the process.</summary>
    /// <param name="address">The first byte. The memory must stay mapped; what the program unmaps, the GPU faults on.</param>
    /// <param name="length">Length in bytes, above 0.</param>
    /// <param name="gpuAddress">Where the GPU shall see the pages around it; a multiple of 4096.</param>
    /// <param name="options">What else.</param>
    /// <exception cref="XeException">The driver refused; nothing was bound.</exception>
    public XeUserMapping MapNative(nint address, nuint length, ulong gpuAddress, XeBindOptions options = XeBindOptions.Immediate)
    {
        XeResult result = TryMapNative(address, length, gpuAddress, out XeUserMapping? mapping, options);
        if (mapping is null)
        {
            ThrowHelper.Throw(
                result, XeOperation.VmBindUserMemory, $"{length} bytes at 0x{address:x} of the process at 0x{gpuAddress:x} in VM {Id}");
        }

        return mapping;
    }

    /// <summary>Binds native memory of the process, or says why not.</summary>
    /// <param name="address">The first byte. The memory must stay mapped; what the program unmaps, the GPU faults on.</param>
    /// <param name="length">Length in bytes, above 0.</param>
    /// <param name="gpuAddress">Where the GPU shall see the pages around it; a multiple of 4096.</param>
    /// <param name="mapping">The mapping when the result is success.</param>
    /// <param name="options">What else.</param>
    public XeResult TryMapNative(
        nint address, nuint length, ulong gpuAddress, out XeUserMapping? mapping, XeBindOptions options = XeBindOptions.Immediate)
    {
        ArgumentOutOfRangeException.ThrowIfZero(length);
        return XeUserMapping.TryMap(this, address, length, gpuAddress, options, pin: default, out mapping);
    }

    /// <summary>Undoes a bind unless the VM, and with it the bind, is gone.</summary>
    internal void UnbindOrThrow(GpuRange range)
    {
        XeResult result = UnbindUnlessGone(range);
        if (!result.IsSuccess)
        {
            ThrowHelper.Throw(result, XeOperation.VmBind, $"unmap of {range} in VM {Id}");
        }
    }
}
