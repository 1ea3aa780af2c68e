using XeSvm.Interop.LibC;

namespace XeSvm.Simulation.Driver;

/// <summary>
/// The bytes behind a device's VRAM: one window of this process's address space for all tiles, in which device pages live. A buffer object,
/// and device pages of a client that is another process, bring their own memory, which is laid over the window while they are in VRAM: a translation that outlives their stay there
/// finds other memory than theirs.
/// </summary>
internal sealed unsafe class VramMemory : IDisposable
{
    private readonly FileDescriptorHandle? _file;
    private readonly ulong _size;

    private VramMemory(FileDescriptorHandle? file, byte* window, ulong size)
    {
        _file = file;
        Window = window;
        _size = size;
    }

    /// <summary>Host address of device address 0; null without VRAM.</summary>
    public byte* Window { get; }

    /// <summary>Bytes of the window.</summary>
    public ulong Size => _size;

    /// <summary>Makes the window; nothing is backed before it is touched.</summary>
    /// <returns>0, or a negative errno.</returns>
    public static int Create(ulong size, out VramMemory? memory)
    {
        memory = null;
        if (size == 0)
        {
            memory = new VramMemory(null, null, 0);
            return 0;
        }

        int result = SharedMemory.Create("xesvm-vram", size, out FileDescriptorHandle? file, out nint host);
        if (result == 0)
        {
            memory = new VramMemory(file, (byte*)host, size);
        }

        return result;
    }

    /// <summary>Lays an object's memory over the window.</summary>
    /// <returns>0, or a negative errno.</returns>
    public int Place(FileDescriptorHandle content, ulong offset, ulong size) => Place(content, 0, offset, size);

    /// <summary>Lays part of a file over the window.</summary>
    /// <returns>0, or a negative errno.</returns>
    public int Place(FileDescriptorHandle content, ulong contentOffset, ulong offset, ulong size) =>
        SystemCalls.MapShared(content, contentOffset, (nuint)size, MemoryProtection.ReadWrite, (nint)(Window + offset), out _);

    /// <summary>Brings the window's own memory back to where an object was.</summary>
    /// <returns>0, or a negative errno.</returns>
    public int Restore(ulong offset, ulong size) =>
        SystemCalls.MapShared(_file!, offset, (nuint)size, MemoryProtection.ReadWrite, (nint)(Window + offset), out _);

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_file is not null)
        {
            SystemCalls.Unmap((nint)Window, (nuint)_size);
            _file.Dispose();
        }
    }
}
