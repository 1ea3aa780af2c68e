using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace XeSvm.Simulation.Tests.Svm.Torture;

/// <summary>
/// fork(2) of this process, with a child that compares memory and ends. The child has one thread and a copy of a runtime that misses its other
/// threads: it allocates nothing, calls nothing but _exit, and both calls keep the thread in cooperative mode, so that no collection is
/// under way when the copy is made. One may be about to begin: then the compiler's poll behind the call of fork has the child wait for the thread
/// that collects, which it has not, and for ever. Such a child is killed, and has shown nothing.
/// </summary>
internal static unsafe class ForkedCheck
{
    private static readonly nint s_libC = NativeLibrary.Load("libc.so.6");
    private static readonly delegate* unmanaged[SuppressGCTransition]<int> s_fork =
        (delegate* unmanaged[SuppressGCTransition]<int>)NativeLibrary.GetExport(s_libC, "fork");
    private static readonly delegate* unmanaged[SuppressGCTransition]<int, void> s_exit =
        (delegate* unmanaged[SuppressGCTransition]<int, void>)NativeLibrary.GetExport(s_libC, "_exit");
    private static readonly delegate* unmanaged<int, int*, int, int> s_wait =
        (delegate* unmanaged<int, int*, int, int>)NativeLibrary.GetExport(s_libC, "waitpid");
    private static readonly delegate* unmanaged<int, int, int> s_kill =
        (delegate* unmanaged<int, int, int>)NativeLibrary.GetExport(s_libC, "kill");

    private const int NoHang = 1; // WNOHANG
    private const int Kill = 9; // SIGKILL
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(5);

    /// <summary>The child's wait status: 0 when the first word of every line of a block is what the model says.</summary>
    public static int Run(uint* block, uint* values)
    {
        delegate* unmanaged[SuppressGCTransition]<int> fork = s_fork;
        delegate* unmanaged[SuppressGCTransition]<int, void> exit = s_exit;
        int child = ForkAndCheck(fork, exit, block, values);
        if (child < 0)
        {
            return child;
        }

        int status;
        int ended;
        long begin = Stopwatch.GetTimestamp();
        using var never = new ManualResetEventSlim();
        while ((ended = s_wait(child, &status, NoHang)) == 0 && Stopwatch.GetElapsedTime(begin) < s_patience)
        {
            never.Wait(millisecondsTimeout: 1);
        }

        if (ended == 0)
        {
            _ = s_kill(child, Kill);
            ended = s_wait(child, &status, 0);
            status = (status & 0x7f) == Kill ? 0 : status;
        }

        return ended == child ? status : -1;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static int ForkAndCheck(
        delegate* unmanaged[SuppressGCTransition]<int> fork,
        delegate* unmanaged[SuppressGCTransition]<int, void> exit,
        uint* block,
        uint* values)
    {
        int child = fork();
        if (child != 0)
        {
            return child;
        }

        int wrong = 0;
        for (int page = 0; page < TortureMemory.BlockPages; page++)
        {
            for (int line = 0; line < TortureMemory.Lines; line++)
            {
                if (block[((page * 4096) + (line * TortureMemory.Line)) / 4] != values[(page * TortureMemory.Lines) + line])
                {
                    wrong = 1;
                }
            }
        }

        exit(wrong);
        return 0;
    }
}
