using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using Tmds.Linux;

namespace XeSvm.Interop.Tests.Kernel;

/// <summary>Runs file accesses without root's privilege to ignore permissions, also when the tests run as root.</summary>
internal static class UnprivilegedThread
{
    public const string SkipReason = "Running as root on a processor for which the test does not know setfsuid(2).";

    private const int SetFileSystemUserX64 = 122;
    private const int SetFileSystemUserArm64 = 151;
    private const int Nobody = 65534;

    /// <summary>Runs an action, and throws what it throws.</summary>
    /// <param name="folder">A folder that has to stay reachable for the action.</param>
    /// <param name="action">The accesses.</param>
    /// <returns>Whether the action could be run.</returns>
    public static bool Run(string folder, Action action)
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

        File.SetUnixFileMode(folder, File.GetUnixFileMode(folder) | UnixFileMode.OtherRead | UnixFileMode.OtherExecute);
        ExceptionDispatchInfo? failure = null;

        // The user of file accesses belongs to the thread: this one ends with it.
        Thread thread = new(() =>
        {
            LibC.syscall(call, Nobody);
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
