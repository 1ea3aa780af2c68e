using System.Text;
using Tmds.Linux;
using static Tmds.Linux.LibC;

namespace XeSvm.Interop.LibC;

/// <content>Files and other things that a descriptor stands for.</content>
internal static unsafe partial class SystemCalls
{
    /// <summary>Opens a file for reading; the descriptor is closed by exec.</summary>
    internal static int OpenForReading(string path, out FileDescriptorHandle? file) => Open(path, O_RDONLY, out file);

    /// <summary>Opens a file for reading and writing; the descriptor is closed by exec.</summary>
    internal static int OpenForReadingAndWriting(string path, out FileDescriptorHandle? file) => Open(path, O_RDWR, out file);

    /// <summary>Creates a file without a name, backed by memory and swap.</summary>
    /// <param name="name">Name shown in <c>/proc/self/maps</c>; at most 249 bytes.</param>
    /// <param name="file">The file when the result is 0, of length 0.</param>
    internal static int MemfdCreate(string name, out FileDescriptorHandle? file)
    {
        if (HasNul(name))
        {
            file = null;
            return -Errno.EINVAL;
        }

        fixed (byte* bytes = Terminated(name))
        {
            return Own(memfd_create(bytes, MFD_CLOEXEC), out file);
        }
    }

    /// <summary>Creates an eventfd whose counter starts at 0.</summary>
    internal static int CreateEventFd(out FileDescriptorHandle? file) => Own(eventfd(0, EFD_CLOEXEC), out file);

    /// <summary>Sets a file's length; what is added reads as 0.</summary>
    /// <param name="file">The file.</param>
    /// <param name="length">New length in bytes.</param>
    internal static int SetLength(FileDescriptorHandle file, ulong length)
    {
        if (length > long.MaxValue)
        {
            return -Errno.EFBIG;
        }

        int result = file.Acquire(out int descriptor);
        if (result == 0)
        {
            result = Result(ftruncate(descriptor, (long)length));
            file.Release();
        }

        return result;
    }

    /// <summary>Drops what backs a part of a file, which then reads as 0; the length stays.</summary>
    /// <param name="file">The file.</param>
    /// <param name="offset">First byte.</param>
    /// <param name="length">Length in bytes, above 0. Only whole pages are freed; the rest is overwritten with 0.</param>
    internal static int PunchHole(FileDescriptorHandle file, ulong offset, ulong length)
    {
        if (offset > long.MaxValue || length > long.MaxValue)
        {
            return -Errno.EFBIG;
        }

        int result = file.Acquire(out int descriptor);
        if (result == 0)
        {
            result = Result(fallocate(descriptor, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (long)offset, (long)length));
            file.Release();
        }

        return result;
    }

    /// <summary>Reads from a file's current position; 0 at its end.</summary>
    internal static int Read(FileDescriptorHandle file, Span<byte> destination)
    {
        int result = file.Acquire(out int descriptor);
        if (result == 0)
        {
            fixed (byte* bytes = destination)
            {
                result = Result((long)read(descriptor, bytes, destination.Length));
            }

            file.Release();
        }

        return result;
    }

    /// <summary>Reads from a position of a file; 0 at or behind its end.</summary>
    internal static int ReadAt(FileDescriptorHandle file, ulong offset, Span<byte> destination)
    {
        if (offset > long.MaxValue)
        {
            return -Errno.EINVAL;
        }

        int result = file.Acquire(out int descriptor);
        if (result == 0)
        {
            fixed (byte* bytes = destination)
            {
                result = Result((long)pread(descriptor, bytes, destination.Length, (long)offset));
            }

            file.Release();
        }

        return result;
    }

    /// <summary>The size of what a descriptor stands for, in bytes: the position of its end. Or a negative errno.</summary>
    internal static long SizeOf(int descriptor)
    {
        long size = (long)lseek(descriptor, 0, SEEK_END);
        return size < 0 ? -errno : size;
    }

    private static int Open(string path, int access, out FileDescriptorHandle? file)
    {
        if (HasNul(path))
        {
            file = null;
            return -Errno.EINVAL;
        }

        fixed (byte* bytes = Terminated(path))
        {
            return Own(open(bytes, access | O_CLOEXEC, default(mode_t)), out file);
        }
    }

    private static int Own(int descriptor, out FileDescriptorHandle? file)
    {
        if (descriptor < 0)
        {
            file = null;
            return -errno;
        }

        file = new FileDescriptorHandle(descriptor);
        return 0;
    }

    // C would take the part in front of a 0 character for the whole: another file than the caller named.
    private static bool HasNul(string text) => text.Contains('\0', StringComparison.Ordinal);

    private static byte[] Terminated(string text)
    {
        byte[] bytes = new byte[Encoding.UTF8.GetByteCount(text) + 1];
        Encoding.UTF8.GetBytes(text, bytes);
        return bytes;
    }

    private static int Result(long result) => result < 0 ? -errno : (int)result;
}
