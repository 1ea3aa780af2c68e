using XeSvm.Interop.LibC;

namespace XeSvm.Simulation.Driver;

/// <summary>Memory without a name that can be mapped again, by us and by clients: what VRAM and system buffer objects are made of.</summary>
internal static class SharedMemory
{
    /// <summary>Creates zeroed memory and maps it; nothing is backed before it is touched.</summary>
    /// <returns>0, or a negative errno.</returns>
    public static int Create(string name, ulong size, out FileDescriptorHandle? file, out nint host)
    {
        host = 0;
        int result = SystemCalls.MemfdCreate(name, out file);
        if (result < 0)
        {
            return result;
        }

        result = SystemCalls.SetLength(file!, size);
        if (result == 0)
        {
            result = SystemCalls.MapShared(file!, 0, (nuint)size, MemoryProtection.ReadWrite, fixedAddress: 0, out host);
        }

        if (result < 0)
        {
            file!.Dispose();
            file = null;
        }

        return result;
    }
}
