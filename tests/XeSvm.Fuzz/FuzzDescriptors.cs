using Microsoft.Win32.SafeHandles;
using XeSvm.Interop;
using XeSvm.Interop.LibC;

namespace XeSvm.Fuzz;

/// <summary>
/// The descriptors of one run of a sequence: an eventfd, the device files, and what steps have made. Steps name them by numbers that no
/// descriptor has, so that a sequence means the same in every process.
/// </summary>
internal sealed class FuzzDescriptors : IDisposable
{
    /// <summary>How many there are at most.</summary>
    public const uint Most = 8;

    /// <summary>The index of the one that a step has made last.</summary>
    public const uint Latest = Most;

    private const int First = 0x4000_0000;
    private const int Fixed = 3;

    private readonly FileDescriptorHandle _event;
    private readonly int[] _numbers = new int[Most + 1];
    private int _made;

    /// <param name="files">The two files.</param>
    public FuzzDescriptors(DrmFile[] files)
    {
        int result = SystemCalls.CreateEventFd(out FileDescriptorHandle? eventFd);
        _event = result == 0 ? eventFd! : throw new InvalidOperationException($"There is no eventfd: {Errno.Describe(result)}.");
        _numbers.AsSpan().Fill(-1);
        _numbers[0] = (int)_event.DangerousGetHandle();
        _numbers[1] = files[0].Descriptor;
        _numbers[2] = files[1].Descriptor;
    }

    /// <summary>What a step calls one.</summary>
    public static int Name(uint index) => First + (int)index;

    /// <summary>The descriptor that a step means; a number that is no name is itself.</summary>
    public int Resolve(int name) => name is >= First and <= First + (int)Latest ? _numbers[name - First] : name;

    /// <summary>Keeps a descriptor that a step has made, in place of the oldest that a step has made when there are many.</summary>
    public void Keep(int descriptor)
    {
        int at = Fixed + (_made++ % ((int)Most - Fixed));
        Close(_numbers[at]);
        _numbers[at] = descriptor;
        _numbers[Latest] = descriptor;
    }

    public void Dispose()
    {
        foreach (int descriptor in _numbers.AsSpan(Fixed, (int)Most - Fixed))
        {
            Close(descriptor);
        }

        _event.Dispose();
    }

    private static void Close(int descriptor)
    {
        if (descriptor >= 0)
        {
            using var handle = new SafeFileHandle(descriptor, ownsHandle: true);
        }
    }
}
