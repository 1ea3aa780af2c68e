using XeSvm.Interop.LibC;
using XeSvm.Interop.Native;

namespace XeSvm.Interop.Kernel;

/// <summary>
/// An open render node of the kernel. After disposal every call answers -EBADF, as a closed descriptor does; a call that is under way
/// in another thread keeps the descriptor open until it returns.
/// </summary>
internal sealed unsafe class KernelFile : DrmFile
{
    private const int MapShared = 0x01;

    private readonly FileDescriptorHandle _descriptor;
    private readonly KernelDebugFiles _debugFiles;

    private KernelFile(FileDescriptorHandle descriptor, KernelDebugFiles debugFiles)
    {
        _descriptor = descriptor;
        _debugFiles = debugFiles;
    }

    /// <inheritdoc/>
    public override int Descriptor => _descriptor.IsClosed ? -1 : (int)_descriptor.DangerousGetHandle();

    /// <inheritdoc/>
    /// <remarks>Allocates nothing.</remarks>
    public override int Ioctl(uint request, void* argument)
    {
        int result = _descriptor.Acquire(out int descriptor);
        if (result == 0)
        {
            result = NativeMethods.xesvm_ioctl(descriptor, request, argument);
            _descriptor.Release();
        }

        return result;
    }

    /// <inheritdoc/>
    /// <remarks>-EINVAL for bits of <paramref name="protection"/> other than read and write.</remarks>
    public override int Map(ulong offset, nuint length, DrmMapProtection protection, out nint address)
    {
        address = 0;
        if ((protection & ~(DrmMapProtection.Read | DrmMapProtection.Write)) != 0)
        {
            return -Errno.EINVAL;
        }

        int result = _descriptor.Acquire(out int descriptor);
        if (result == 0)
        {
            ulong mapping;
            result = NativeMethods.xesvm_mmap(0, length, (int)protection, MapShared, descriptor, offset, &mapping);
            _descriptor.Release();
            address = result < 0 ? 0 : (nint)mapping;
        }

        return result;
    }

    /// <inheritdoc/>
    public override int Unmap(nint address, nuint length) => NativeMethods.xesvm_munmap((ulong)address, length);

    /// <inheritdoc/>
    /// <remarks>
    /// Debugfs is readable by root only. The name <c>backend</c> is not a file: it gives lines of the form <c>name: value</c> about the
    /// kernel, the node and its IOMMU group.
    /// </remarks>
    public override DrmDebugText ReadDebugFile(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return _debugFiles.Read(name);
    }

    /// <summary>Opens a node for reading and writing, whatever its driver.</summary>
    /// <returns>0, or a negative errno.</returns>
    internal static int Open(KernelPaths paths, DrmNode node, out KernelFile? file)
    {
        int result = SystemCalls.OpenForReadingAndWriting(node.Path, out FileDescriptorHandle? descriptor);
        file = descriptor is null ? null : new KernelFile(descriptor, new KernelDebugFiles(paths, node));
        return result;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _descriptor.Dispose();
        }
    }
}
