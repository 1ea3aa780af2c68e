using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using static Tmds.Linux.LibC;

namespace XeSvm.Interop.Tests.Kernel;

/// <summary>Runs file accesses without root's privilege to ignore permissions, also when the tests run as root.</summary>
internal static class UnprivilegedThread
{
    public const string SkipReason = "Running as root on a processor for which the test does not know setfsuid(2).";

    private const int SetFileSystemUserX64 = 122;
    private const int SetFileSystemUserArm64 = 151;
    private const int Nobody = 65534;

    /// <summary>Runs an action, and throws what it throws.</summary>
    /// <param name="action">The accesses.</param>
    /// <param name="reachable">Folders that the action must be able to get through.</param>
    /// <returns>Whether the action could be run.</returns>
    public static bool Run(Action action, params ReadOnlySpan<string> reachable)
    {
        if (!Environment.IsPrivilegedProcess)
        {
            action();
            return true;
        }

        int call = RuntimeInformation.ProcessArchitecture switch
        {
            Architecture.X64 => SetFileSystemUserX64,
            Architecture.Arm64 => SetFileSystemUserArm64,
            _ => 0,
        };
        if (call == 0)
        {
            return false;
        }

        // The thread keeps root's groups, so that the group's rights are the ones that count.
        foreach (string folder in reachable)
        {
            File.SetUnixFileMode(folder, File.GetUnixFileMode(folder) | UnixFileMode.GroupRead | UnixFileMode.GroupExecute);
        }

        ExceptionDispatchInfo? failure = null;

        // The user of file accesses belongs to the thread: this one ends with it.
        Thread thread = new(() =>
        {
            syscall(call, Nobody);
            try
            {
                action();
            }
            catch (Exception exception) when (exception is not OutOfMemoryException)
            {
                failure = ExceptionDispatchInfo.Capture(exception);
            }
        });
        thread.Start();
        thread.Join();
        failure?.Throw();
        return true;
    }
}
