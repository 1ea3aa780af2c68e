using System.Globalization;
using System.Runtime.InteropServices;
using static Tmds.Linux.LibC;

namespace XeSvm.Interop.LibC;

/// <summary>What tells open files apart and whether others still have them open, and the clocks: calls that Tmds.LibC lacks.</summary>
internal static unsafe partial class SystemCalls
{
    private const string LibC = "libc";

    private const int LockShared = 1; // LOCK_SH
    private const int LockExclusive = 2; // LOCK_EX
    private const int LockNonBlocking = 4; // LOCK_NB
    private const int LockUnlock = 8; // LOCK_UN

    private const int StatWords = 18; // struct stat of x86-64 has 144 bytes, which begin with st_dev and st_ino
    private const uint CapabilityVersion = 0x20080522; // _LINUX_CAPABILITY_VERSION_3
    private const ulong NanosecondsPerSecond = 1_000_000_000;

    /// <summary>What a descriptor refers to: equal for all descriptors of one file.</summary>
    /// <param name="descriptor">Any number. -EBADF when it is no open descriptor.</param>
    /// <param name="identity">The file's device and inode.</param>
    internal static int Identify(int descriptor, out FileIdentity identity)
    {
        ulong* stat = stackalloc ulong[StatWords];
        int result = fstat(descriptor, stat) < 0 ? -errno : 0;
        identity = result < 0 ? default : new FileIdentity(stat[0], stat[1]);
        return result;
    }

    /// <summary>What an owned descriptor refers to.</summary>
    internal static int Identify(FileDescriptorHandle file, out FileIdentity identity)
    {
        identity = default;
        int result = file.Acquire(out int descriptor);
        if (result == 0)
        {
            result = Identify(descriptor, out identity);
            file.Release();
        }

        return result;
    }

    /// <summary>
    /// Opens a file once more and gives the descriptor away: to the caller, who closes it. The new open file holds a shared lock until its
    /// last descriptor, in whichever process, is closed: see <see cref="IsLockedByOthers"/>.
    /// </summary>
    /// <param name="file">The file.</param>
    /// <param name="writable">Whether the descriptor may write.</param>
    /// <param name="closeOnExec">Whether the descriptor ends with exec.</param>
    /// <returns>The descriptor, or a negative errno.</returns>
    internal static int OpenAgain(FileDescriptorHandle file, bool writable, bool closeOnExec)
    {
        int result = file.Acquire(out int descriptor);
        if (result < 0)
        {
            return result;
        }

        string path = string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{descriptor}");
        fixed (byte* bytes = Terminated(path))
        {
            result = open(bytes, (writable ? O_RDWR : O_RDONLY) | (closeOnExec ? O_CLOEXEC : 0), default);
            result = result < 0 ? -errno : result;
        }

        file.Release();
        if (result >= 0 && flock(result, LockShared | LockNonBlocking) < 0)
        {
            int failure = -errno;
            _ = close(result);
            return failure;
        }

        return result;
    }

    /// <summary>Whether an open file that <see cref="OpenAgain"/> made is open still: 1 or 0, or a negative errno.</summary>
    internal static int IsLockedByOthers(FileDescriptorHandle file)
    {
        int result = file.Acquire(out int descriptor);
        if (result < 0)
        {
            return result;
        }

        if (flock(descriptor, LockExclusive | LockNonBlocking) == 0)
        {
            _ = flock(descriptor, LockUnlock);
        }
        else
        {
            result = errno == EWOULDBLOCK ? 1 : -errno;
        }

        file.Release();
        return result;
    }

    /// <summary>Closes a descriptor that nobody owns as a handle.</summary>
    internal static int Close(int descriptor) => close(descriptor) < 0 ? -errno : 0;

    /// <summary>Whether the calling thread has an effective capability, such as CAP_SYS_NICE (23).</summary>
    internal static bool HasCapability(int capability)
    {
        // Version 3 of the header, for the calling thread, and two structs of effective, permitted and inheritable.
        uint* header = stackalloc uint[2] { CapabilityVersion, 0 };
        uint* data = stackalloc uint[6];
        return capability is >= 0 and < 64 && capget(header, data) == 0 && (data[capability / 32 * 3] >> (capability % 32) & 1) != 0;
    }

    /// <summary>Reads a clock (clock_gettime).</summary>
    /// <param name="clock">CLOCK_*. -EINVAL for one that the kernel does not know.</param>
    /// <param name="nanoseconds">Its time.</param>
    internal static int ReadClock(int clock, out ulong nanoseconds)
    {
        long* time = stackalloc long[2];
        int result = clock_gettime(clock, time) < 0 ? -errno : 0;
        nanoseconds = result < 0 ? 0 : ((ulong)time[0] * NanosecondsPerSecond) + (ulong)time[1];
        return result;
    }

    [LibraryImport(LibC, SetLastError = true)]
    private static partial int fstat(int descriptor, ulong* stat);

    [LibraryImport(LibC, SetLastError = true)]
    private static partial int flock(int descriptor, int operation);

    [LibraryImport(LibC, SetLastError = true)]
    private static partial int capget(uint* header, uint* data);

    [LibraryImport(LibC, SetLastError = true)]
    private static partial int clock_gettime(int clock, long* time);
}

/// <summary>The device and the inode of a file: the same for all of its descriptors.</summary>
internal readonly record struct FileIdentity(ulong Device, ulong Inode);
