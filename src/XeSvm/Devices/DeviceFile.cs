using XeSvm.Interop;

namespace XeSvm;

/// <summary>
/// The open file that a device and all its children share. It is closed when the last of them is disposed, so a child can outlive the
/// device object that made it.
/// </summary>
internal sealed unsafe class DeviceFile
{
    private readonly DrmFile _file;
    private DrmBackend? _ownedBackend;
    private int _references = 1;

    /// <summary>Takes the file over, with one reference held by the caller.</summary>
    /// <param name="file">The open file.</param>
    internal DeviceFile(DrmFile file) => _file = file;

    /// <summary>The file's GEM handles.</summary>
    internal GemTable Gems { get; } = new();

    /// <summary>The descriptor by which requests on another device name this one, or -1.</summary>
    internal int Descriptor => _file.Descriptor;

    /// <summary>Takes a backend over, which is disposed after the file; <see langword="null"/> for none.</summary>
    internal void Own(DrmBackend? backend) => _ownedBackend = backend;

    /// <summary>Takes a reference.</summary>
    /// <exception cref="ObjectDisposedException">The file is closed already.</exception>
    internal DeviceFile Reference()
    {
        int seen = Volatile.Read(ref _references);
        while (true)
        {
            ObjectDisposedException.ThrowIf(seen == 0, typeof(XeDevice));
            int found = Interlocked.CompareExchange(ref _references, seen + 1, seen);
            if (found == seen)
            {
                return this;
            }

            seen = found;
        }
    }

    /// <summary>Gives a reference back; the last one closes the file.</summary>
    internal void Release()
    {
        if (Interlocked.Decrement(ref _references) == 0)
        {
            _file.Dispose();
            _ownedBackend?.Dispose();
        }
    }

    /// <summary>Issues an ioctl with a struct argument.</summary>
    internal XeResult Ioctl<T>(uint request, ref T argument)
        where T : unmanaged
    {
        fixed (T* pointer = &argument)
        {
            return XeResult.FromCall(_file.Ioctl(request, pointer));
        }
    }

    /// <summary>Maps part of the file.</summary>
    internal XeResult Map(ulong offset, nuint length, DrmMapProtection protection, out nint address) =>
        XeResult.FromCall(_file.Map(offset, length, protection, out address));

    /// <summary>Removes a mapping of the file.</summary>
    internal XeResult Unmap(nint address, nuint length) => XeResult.FromCall(_file.Unmap(address, length));

    /// <summary>Reads a debug file.</summary>
    internal DrmDebugText ReadDebugFile(string name) => _file.ReadDebugFile(name);
}
