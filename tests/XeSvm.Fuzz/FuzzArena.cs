using XeSvm.Interop.Native;

namespace XeSvm.Fuzz;

/// <summary>
/// Memory at fixed addresses, so that a sequence is nothing but bytes and means the same in every process. All that the driver or the GPU may
/// write to lies in here, or where no process has memory. Only one per process.
/// </summary>
internal sealed unsafe class FuzzArena : IDisposable
{
    /// <summary>Where it is: far from what the loader, the heap and the runtime use.</summary>
    public const ulong Base = 0x2000_0000_0000;

    /// <summary>Memory that the GPU may migrate and the CPU may unmap at any time.</summary>
    public const ulong DataBytes = 8 << 20;

    /// <summary>Structures that calls point to; nothing ever unmaps them.</summary>
    public const ulong ArgumentsBase = Base + DataBytes;

    /// <summary>Bytes of a thread's share of the structures.</summary>
    public const ulong ArgumentBytes = 64 << 10;

    /// <summary>How many threads there may be.</summary>
    public const int MostThreads = 16;

    /// <summary>A page that may be read only.</summary>
    public const ulong ReadOnlyPage = ArgumentsBase + (MostThreads * ArgumentBytes);

    /// <summary>The first page behind it all: nothing is mapped there, nor for a long way on.</summary>
    public const ulong End = ReadOnlyPage + 0x1000;

    private const int Read = 1;
    private const int ReadWrite = 3;
    private const int PrivateAnonymous = 0x22;
    private const int Fixed = 0x10;
    private const int FixedNoReplace = 0x10_0000;

    /// <summary>Maps it.</summary>
    public FuzzArena()
    {
        Map(Base, ReadOnlyPage - Base, ReadWrite, FixedNoReplace);
        Map(ReadOnlyPage, End - ReadOnlyPage, Read, FixedNoReplace);
    }

    /// <summary>Replaces pages of the data by new ones, as munmap and mmap do.</summary>
    public static void Remap(ulong offset, ulong bytes) => Map(Base + offset, bytes, ReadWrite, Fixed);

    /// <summary>Makes the data what it is in a new process.</summary>
    public static void Reset() => Remap(0, DataBytes);

    /// <summary>Whether bytes can be written by the CPU.</summary>
    public static bool Holds(ulong address, ulong bytes) => address >= Base && bytes <= ReadOnlyPage - Base && address - Base <= ReadOnlyPage - Base - bytes;

    public void Dispose() => Check(NativeMethods.xesvm_munmap(Base, End - Base));

    private static void Map(ulong address, ulong bytes, int protection, int flags)
    {
        ulong at;
        Check(NativeMethods.xesvm_mmap(address, bytes, protection, PrivateAnonymous | flags, -1, 0, &at));
    }

    private static void Check(int result)
    {
        if (result < 0)
        {
            throw new InvalidOperationException($"The arena at 0x{Base:x} cannot be mapped: {Errno.Describe(result)}.");
        }
    }
}
