using System.Diagnostics.CodeAnalysis;

using XeSvm.Interop.LibC;

namespace XeSvm.Simulation.Driver;

/// <summary>
/// The open files of this process's software devices by what a descriptor refers to, so that an ioctl can name one by number, also by that of a
/// duplicate (xe_drm_file_from_fd).
/// </summary>
internal static class DeviceFiles
{
    private static readonly Lock s_lock = new();
    private static readonly Dictionary<FileIdentity, SoftwareFile> s_files = [];

    /// <summary>Makes the descriptor of a file that is being opened.</summary>
    /// <returns>0, or a negative errno.</returns>
    public static int CreateDescriptor(out FileDescriptorHandle? descriptor) => SharedMemory.CreateFile("xesvm-device", 0, out descriptor);

    /// <summary>A file is open.</summary>
    public static void Add(SoftwareFile file, FileDescriptorHandle descriptor)
    {
        if (SystemCalls.Identify(descriptor, out FileIdentity identity) == 0)
        {
            lock (s_lock)
            {
                s_files.Add(identity, file);
            }
        }
    }

    /// <summary>A file is closed.</summary>
    public static void Remove(FileDescriptorHandle descriptor)
    {
        if (SystemCalls.Identify(descriptor, out FileIdentity identity) == 0)
        {
            lock (s_lock)
            {
                s_files.Remove(identity);
            }
        }
    }

    /// <summary>The file that a number names; false when it is no descriptor, or one of something else.</summary>
    public static bool TryFind(int descriptor, [NotNullWhen(true)] out SoftwareFile? file)
    {
        file = null;
        if (SystemCalls.Identify(descriptor, out FileIdentity identity) < 0)
        {
            return false;
        }

        lock (s_lock)
        {
            return s_files.TryGetValue(identity, out file);
        }
    }
}
