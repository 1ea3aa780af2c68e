using System.Diagnostics;

using XeSvm.Interop.LibC;

namespace XeSvm.Simulation.Server;

/// <summary>
/// How a channel's thread waits for the next call. A client that makes call after call sends the next one before a sleeping thread would have
/// woken; so while calls keep coming the thread looks for some tens of microseconds before it sleeps, and at most half of the processors look
/// at once.
/// </summary>
internal sealed unsafe class ChannelWait
{
    /// <summary>How long it looks before it sleeps.</summary>
    private const int LookMicroseconds = 50;

    /// <summary>A sleep up to this length was a short wait: most of it is the time that waking up takes.</summary>
    private const int ShortMicroseconds = 200;

    private static readonly int s_mostLooking = Environment.ProcessorCount / 2;
    private static readonly long s_lookTicks = Stopwatch.Frequency * LookMicroseconds / 1_000_000;
    private static readonly long s_shortTicks = Stopwatch.Frequency * ShortMicroseconds / 1_000_000;
    private static int s_looking;

    private LookPolicy _policy = new();

    /// <summary>Receives one message; results as those of <see cref="SystemCalls.Receive(FileDescriptorHandle, void*, int, bool)"/>.</summary>
    public int Receive(FileDescriptorHandle connection, void* message, int length)
    {
        long start = Stopwatch.GetTimestamp();
        if (_policy.Looks)
        {
            int found = Look(connection, message, length, start);
            if (found != -Errno.EAGAIN)
            {
                _policy.Found();
                return found;
            }

            _policy.FoundNothing();
        }

        int result = SystemCalls.Receive(connection, message, length, wait: true);
        _policy.Slept(wasShort: Stopwatch.GetTimestamp() - start <= s_shortTicks);
        return result;
    }

    /// <summary>Looks for a message for a while: -EAGAIN when none has come, or enough others are looking.</summary>
    private static int Look(FileDescriptorHandle connection, void* message, int length, long start)
    {
        int result = -Errno.EAGAIN;
        if (Interlocked.Increment(ref s_looking) <= s_mostLooking)
        {
            do
            {
                result = SystemCalls.Receive(connection, message, length, wait: false);
            }
            while (result == -Errno.EAGAIN && Stopwatch.GetTimestamp() - start < s_lookTicks);
        }

        Interlocked.Decrement(ref s_looking);
        return result;
    }
}
