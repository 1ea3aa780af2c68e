using System.Runtime.InteropServices;

namespace XeSvm.Interop.Native;

/// <summary>
/// The exports of libxesvm_native, one method each, with the export's name. Results are at least 0, or a negative errno.
/// </summary>
internal static unsafe partial class NativeMethods
{
    /// <summary>The library's name without the prefix and suffix of the platform.</summary>
    internal const string LibraryName = "xesvm_native";

    /// <summary>The version of the native contract that the library was built with.</summary>
    [LibraryImport(LibraryName)]
    internal static partial int xesvm_abi_version();

    /// <summary>Copies up to <paramref name="capacity"/> sizes of structs; the result says how many there are.</summary>
    [LibraryImport(LibraryName)]
    internal static partial int xesvm_struct_sizes(xesvm_struct_size* entries, uint capacity);

    /// <summary>ioctl(2), restarted on EINTR and EAGAIN.</summary>
    [LibraryImport(LibraryName)]
    internal static partial int xesvm_ioctl(int fd, uint request, void* argument);

    /// <summary>mmap(2); the address comes back in <paramref name="result"/>.</summary>
    [LibraryImport(LibraryName)]
    internal static partial int xesvm_mmap(
        ulong address,
        ulong length,
        int protection,
        int flags,
        int fd,
        ulong offset,
        ulong* result);

    /// <summary>munmap(2).</summary>
    [LibraryImport(LibraryName)]
    internal static partial int xesvm_munmap(ulong address, ulong length);

    /// <summary>CLOCK_MONOTONIC in nanoseconds.</summary>
    [LibraryImport(LibraryName)]
    [SuppressGCTransition]
    internal static partial long xesvm_clock_monotonic_ns();

    /// <summary>CPU time of the calling thread in nanoseconds.</summary>
    [LibraryImport(LibraryName)]
    [SuppressGCTransition]
    internal static partial long xesvm_clock_thread_cpu_ns();

    /// <summary>Copies client memory; -EFAULT when a byte cannot be read.</summary>
    [LibraryImport(LibraryName)]
    internal static partial int xesvm_client_read(ulong address, void* destination, ulong length);

    /// <summary>Copies to client memory; -EFAULT when a byte cannot be written.</summary>
    [LibraryImport(LibraryName)]
    internal static partial int xesvm_client_write(ulong address, void* source, ulong length);

    /// <summary>Finds the client's mapping at an address, or the next one above it; -ENOENT when there is none.</summary>
    [LibraryImport(LibraryName)]
    internal static partial int xesvm_client_find_vma(ulong address, xesvm_vma* vma);

    /// <summary>Adds to an aligned 32-bit word atomically; -EFAULT without effect, -EINVAL outside -2048 to 2047.</summary>
    [LibraryImport(LibraryName)]
    internal static partial int xesvm_client_add32(ulong address, int addend);

    /// <summary>Copies memory of another process; -EFAULT when a byte cannot be read, -ESRCH when the process is gone.</summary>
    [LibraryImport(LibraryName)]
    internal static partial int xesvm_process_read(int process, ulong address, void* destination, ulong length);

    /// <summary>Copies to memory of another process; -EFAULT when a byte cannot be written, -ESRCH when the process is gone.</summary>
    [LibraryImport(LibraryName)]
    internal static partial int xesvm_process_write(int process, ulong address, void* source, ulong length);

    /// <summary>Makes pages of another process present by reading a byte of each; -EFAULT when one cannot be read.</summary>
    [LibraryImport(LibraryName)]
    internal static partial int xesvm_process_touch(int process, ulong address, uint pages);

    /// <summary>Finds a mapping in an open <c>/proc/PID/maps</c>, as <see cref="xesvm_client_find_vma"/> does.</summary>
    [LibraryImport(LibraryName)]
    internal static partial int xesvm_process_find_vma(int maps_fd, ulong address, xesvm_vma* vma);
}
