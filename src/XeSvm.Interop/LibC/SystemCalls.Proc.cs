using System.Runtime.InteropServices;
using static Tmds.Linux.LibC;

namespace XeSvm.Interop.LibC;

/// <content>What a descriptor of somebody else's is.</content>
internal static unsafe partial class SystemCalls
{
    /// <summary>Whether a descriptor is of a file of procfs.</summary>
    internal static bool IsOfProc(FileDescriptorHandle file)
    {
        const long Magic = 0x9fa0; // PROC_SUPER_MAGIC
        const int Words = 32; // more than struct statfs has on any architecture
        long* status = stackalloc long[Words];
        if (file.Acquire(out int descriptor) < 0)
        {
            return false;
        }

        bool isOfProc = fstatfs(descriptor, status) == 0 && status[0] == Magic;
        file.Release();
        return isOfProc;
    }

    /// <summary>The path of what a descriptor refers to, as this process sees it; <see langword="null"/> when it has none.</summary>
    internal static string? PathOf(FileDescriptorHandle file) => new FileInfo($"/proc/self/fd/{file.DangerousGetHandle()}").LinkTarget;

    [LibraryImport(LibC, SetLastError = true)]
    private static partial int fstatfs(int descriptor, long* status);
}
