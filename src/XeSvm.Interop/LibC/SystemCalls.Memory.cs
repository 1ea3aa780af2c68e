using System.Numerics;
using Tmds.Linux;
using static Tmds.Linux.LibC;

namespace XeSvm.Interop.LibC;

/// <summary>
/// System calls by way of the C library: the one place that uses it directly. Results are at least 0, or a negative errno.
/// Nothing is restarted here; what needs that goes through the native shim.
/// </summary>
internal static unsafe partial class SystemCalls
{
    /// <summary>Size of a page of memory, in bytes.</summary>
    internal static nuint PageSize => (nuint)Environment.SystemPageSize;

    /// <summary>Maps private anonymous memory, zero-filled.</summary>
    /// <param name="length">Length in bytes, above 0; rounded up to pages.</param>
    /// <param name="protection">Access to the memory.</param>
    /// <param name="alignment">Alignment of the address: a power of two of at least a page. -EINVAL otherwise.</param>
    /// <param name="address">The address when the result is 0.</param>
    internal static int MapAnonymous(nuint length, MemoryProtection protection, nuint alignment, out nint address) =>
        MapAligned(length, protection, MAP_PRIVATE | MAP_ANONYMOUS, alignment, out address);

    /// <summary>Reserves addresses without access and without counting them as memory in use.</summary>
    /// <param name="length">Length in bytes, above 0; rounded up to pages.</param>
    /// <param name="alignment">Alignment of the address: a power of two of at least a page. -EINVAL otherwise.</param>
    /// <param name="address">The address when the result is 0.</param>
    internal static int ReserveAddressSpace(nuint length, nuint alignment, out nint address) =>
        MapAligned(length, MemoryProtection.None, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, alignment, out address);

    /// <summary>Maps part of a file, shared with every other mapping of it.</summary>
    /// <param name="file">The file.</param>
    /// <param name="offset">First byte of the file, a multiple of the page size.</param>
    /// <param name="length">Length in bytes, above 0; rounded up to pages.</param>
    /// <param name="protection">Access to the memory.</param>
    /// <param name="fixedAddress">Where to map, replacing what is mapped there, or 0 for any free place.</param>
    /// <param name="address">The address when the result is 0.</param>
    internal static int MapShared(
        FileDescriptorHandle file,
        ulong offset,
        nuint length,
        MemoryProtection protection,
        nint fixedAddress,
        out nint address)
    {
        address = 0;
        if (offset > long.MaxValue)
        {
            return -Errno.EOVERFLOW;
        }

        int result = file.Acquire(out int descriptor);
        if (result < 0)
        {
            return result;
        }

        int flags = fixedAddress == 0 ? MAP_SHARED : MAP_SHARED | MAP_FIXED;
        result = Map(fixedAddress, length, protection, flags, descriptor, (long)offset, out address);
        file.Release();
        return result;
    }

    /// <summary>Removes the mappings in a range.</summary>
    internal static int Unmap(nint address, nuint length) => Result(munmap((void*)address, (size_t)length));

    /// <summary>Changes the access to mapped memory.</summary>
    internal static int Protect(nint address, nuint length, MemoryProtection protection) =>
        Result(mprotect((void*)address, (size_t)length, (int)protection));

    /// <summary>Gives advice about mapped memory. -EINVAL for advice that the kernel does not know.</summary>
    internal static int Advise(nint address, nuint length, MemoryAdvice advice) =>
        Result(madvise((void*)address, (size_t)length, (int)advice));

    /// <summary>Moves a mapping with its content to another address, replacing what is mapped there.</summary>
    internal static int MoveMapping(nint address, nuint length, nint newAddress)
    {
        void* moved = mremap((void*)address, (size_t)length, (size_t)length, MREMAP_MAYMOVE | MREMAP_FIXED, (void*)newAddress);
        return moved == (void*)-1 ? -errno : 0;
    }

    /// <summary>Tells for each page whether the page table has it: bit 0 of its byte. Faults nothing in.</summary>
    /// <param name="address">First page.</param>
    /// <param name="length">Length in bytes.</param>
    /// <param name="pages">One byte for each page.</param>
    /// <returns>0; -ENOMEM when part of the range is not mapped.</returns>
    internal static int FindResident(nint address, nuint length, byte* pages) => Result(mincore((void*)address, (size_t)length, pages));

    // mmap(2) aligns to pages only: for more, map enough to find an aligned start within it and give the rest back.
    private static int MapAligned(nuint length, MemoryProtection protection, int flags, nuint alignment, out nint address)
    {
        address = 0;
        nuint page = PageSize;
        if (length == 0 || alignment < page || !BitOperations.IsPow2(alignment))
        {
            return -Errno.EINVAL;
        }

        if (length > nuint.MaxValue - alignment)
        {
            return -Errno.ENOMEM;
        }

        nuint rounded = (length + page - 1) & ~(page - 1);
        nuint mapped = rounded + alignment - page;
        int result = Map(0, mapped, protection, flags, -1, 0, out nint start);
        if (result < 0)
        {
            return result;
        }

        nuint first = (nuint)start;
        nuint aligned = (first + alignment - 1) & ~(alignment - 1);
        GiveBack(first, aligned - first);
        GiveBack(aligned + rounded, first + mapped - (aligned + rounded));
        address = (nint)aligned;
        return 0;
    }

    // The trimmed ends are fresh mappings of this call. munmap(2) fails on such a range only when the process is out of VMAs
    // (ENOMEM); the ends then stay mapped and untouched, which costs addresses but no memory.
    private static void GiveBack(nuint address, nuint length)
    {
        if (length != 0)
        {
            _ = munmap((void*)address, (size_t)length);
        }
    }

    private static int Map(
        nint address,
        nuint length,
        MemoryProtection protection,
        int flags,
        int descriptor,
        long offset,
        out nint mapping)
    {
        void* result = mmap((void*)address, (size_t)length, (int)protection, flags, descriptor, offset);
        if (result == MAP_FAILED)
        {
            mapping = 0;
            return -errno;
        }

        mapping = (nint)result;
        return 0;
    }

    private static int Result(int result) => result < 0 ? -errno : result;
}
