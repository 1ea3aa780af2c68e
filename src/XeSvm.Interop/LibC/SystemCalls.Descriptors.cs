using Tmds.Linux;
using static Tmds.Linux.LibC;

namespace XeSvm.Interop.LibC;

/// <content>What can be done to a descriptor whatever it stands for, and pipes.</content>
internal static unsafe partial class SystemCalls
{
    /// <summary>Creates a pipe that nobody blocks on: reading from an empty one and writing to a full one give -EAGAIN.</summary>
    /// <param name="readEnd">The end that is readable once something was written, when the result is 0.</param>
    /// <param name="writeEnd">The other end, when the result is 0.</param>
    internal static int CreatePipe(out FileDescriptorHandle? readEnd, out FileDescriptorHandle? writeEnd)
    {
        int* ends = stackalloc int[2];
        readEnd = null;
        writeEnd = null;
        if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        {
            return -errno;
        }

        readEnd = new FileDescriptorHandle(ends[0]);
        writeEnd = new FileDescriptorHandle(ends[1]);
        return 0;
    }

    /// <summary>Another descriptor of what a descriptor of the client stands for; -EBADF when it stands for nothing.</summary>
    internal static int Duplicate(int descriptor, out FileDescriptorHandle? file) => Own(fcntl(descriptor, F_DUPFD_CLOEXEC, 0), out file);

    /// <summary>Writes to a file's current position, or to what else a descriptor stands for.</summary>
    internal static int Write(FileDescriptorHandle file, ReadOnlySpan<byte> source)
    {
        int result = file.Acquire(out int descriptor);
        if (result == 0)
        {
            fixed (byte* bytes = source)
            {
                result = Result((long)write(descriptor, bytes, source.Length));
            }

            file.Release();
        }

        return result;
    }

    /// <summary>Whether all read ends of a pipe are closed.</summary>
    internal static bool HasNoReader(FileDescriptorHandle writeEnd) => (Poll(writeEnd, POLLOUT) & POLLERR) != 0;

    /// <summary>Whether a read would not block.</summary>
    internal static bool IsReadable(FileDescriptorHandle file) => (Poll(file, POLLIN) & POLLIN) != 0;

    /// <summary>Whether a write would not block.</summary>
    internal static bool IsWritable(FileDescriptorHandle file) => (Poll(file, POLLOUT) & POLLOUT) != 0;

    private static int Poll(FileDescriptorHandle file, short events)
    {
        if (file.Acquire(out int descriptor) < 0)
        {
            return 0;
        }

        var entry = new pollfd { fd = descriptor, events = events };
        int result = poll(&entry, 1, 0);
        file.Release();
        return result > 0 ? entry.revents : 0;
    }
}
