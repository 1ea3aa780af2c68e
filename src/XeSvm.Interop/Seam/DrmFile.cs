namespace XeSvm.Interop;

/// <summary>
/// One open file on a DRM node. Answers the kernel's structs with the kernel's results: a value of at least 0, or a negative errno.
/// All members may be called from several threads at once, as on a file descriptor.
/// </summary>
public abstract unsafe class DrmFile : IDisposable
{
    /// <summary>
    /// The number by which the argument of an ioctl names this open file (<c>devmem_fd</c> of MADVISE), or -1 when it has none. It stands
    /// for this file only as long as the file is open.
    /// </summary>
    public virtual int Descriptor => -1;

    /// <summary>Issues an ioctl. Restarted on EINTR and EAGAIN below this call; callers see neither.</summary>
    /// <param name="request">The full request number: direction, size, type and number.</param>
    /// <param name="argument">The argument struct, of the size that the request encodes.</param>
    /// <returns>A value of at least 0, or a negative errno.</returns>
    public abstract int Ioctl(uint request, void* argument);

    /// <summary>Maps part of the file, as <c>mmap(2)</c> with <c>MAP_SHARED</c> does, at an offset that GEM_MMAP_OFFSET gave.</summary>
    /// <param name="offset">The fake offset, in bytes.</param>
    /// <param name="length">Length in bytes; a multiple of the page size.</param>
    /// <param name="protection">Access wanted.</param>
    /// <param name="address">The address of the mapping when the result is 0.</param>
    /// <returns>0, or a negative errno.</returns>
    public abstract int Map(ulong offset, nuint length, DrmMapProtection protection, out nint address);

    /// <summary>Removes a mapping that <see cref="Map"/> made.</summary>
    /// <param name="address">The mapping's address.</param>
    /// <param name="length">The mapping's length in bytes.</param>
    /// <returns>0, or a negative errno.</returns>
    public abstract int Unmap(nint address, nuint length);

    /// <summary>
    /// Reads a debug file of the device, such as <c>gt0/stats</c>: debugfs on the kernel backend, the same text from the software
    /// backend, which also has <c>backend</c>, <c>dma</c> and <c>dma_audit</c>.
    /// </summary>
    /// <param name="name">The file's path below the device's debugfs folder.</param>
    public abstract DrmDebugText ReadDebugFile(string name);

    /// <summary>Closes the file: queues are killed, VMs are closed, mappings stay.</summary>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Closes the file.</summary>
    /// <param name="disposing"><see langword="true"/> when called from <see cref="Dispose()"/>.</param>
    protected abstract void Dispose(bool disposing);
}
