using System.Runtime.InteropServices;
using static Tmds.Linux.LibC;

namespace XeSvm.Interop.LibC;

/// <content>Who owns a file.</content>
internal static unsafe partial class SystemCalls
{
    /// <summary>Changes the owner and the group of what a path names; -1 leaves one as it is.</summary>
    /// <param name="path">The path.</param>
    /// <param name="owner">A user's number, or -1.</param>
    /// <param name="group">A group's number, or -1.</param>
    /// <returns>0, or a negative errno.</returns>
    internal static int ChangeOwner(string path, int owner, int group)
    {
        if (HasNul(path))
        {
            return -Errno.EINVAL;
        }

        fixed (byte* bytes = Terminated(path))
        {
            return chown(bytes, (uint)owner, (uint)group) < 0 ? -errno : 0;
        }
    }

    /// <summary>Changes the mode of what a path names.</summary>
    /// <returns>0, or a negative errno.</returns>
    internal static int ChangeMode(string path, UnixFileMode mode)
    {
        if (HasNul(path))
        {
            return -Errno.EINVAL;
        }

        fixed (byte* bytes = Terminated(path))
        {
            return chmod(bytes, (uint)mode) < 0 ? -errno : 0;
        }
    }

    [LibraryImport(LibC, SetLastError = true)]
    private static partial int chmod(byte* path, uint mode);

    [LibraryImport(LibC, SetLastError = true)]
    private static partial int chown(byte* path, uint owner, uint group);
}
