using XeSvm.Interop.LibC;

namespace XeSvm.Simulation.Driver;

/// <summary>Memory without a name that can be mapped again, by us and by clients: what VRAM and buffer objects are made of.</summary>
internal static class SharedMemory
{
    /// <summary>Creates zeroed memory; nothing is backed before it is touched.</summary>
    /// <returns>0, or a negative errno.</returns>
    public static int CreateFile(string name, ulong size, out FileDescriptorHandle? file)
    {
        int result = SystemCalls.MemfdCreate(name, out file);
        if (result == 0 && size != 0)
        {
            result = SystemCalls.SetLength(file!, size);
        }

        if (result < 0)
        {
            file?.Dispose();
            file = null;
        }

        return result;
    }

    /// <summary>Creates zeroed memory and maps it.</summary>
    /// <returns>0, or a negative errno.</returns>
    public static int Create(string name, ulong size, out FileDescriptorHandle? file, out nint host)
    {
        host = 0;
        int result = CreateFile(name, size, out file);
        if (result == 0)
        {
            result = SystemCalls.MapShared(file!, 0, (nuint)size, MemoryProtection.ReadWrite, fixedAddress: 0, out host);
        }

        if (result < 0)
        {
            file?.Dispose();
            file = null;
        }

        return result;
    }
}
