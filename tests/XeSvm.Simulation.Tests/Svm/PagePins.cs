using System.Runtime.InteropServices;

namespace XeSvm.Simulation.Tests.Svm;

/// <summary>The ways in which a program has the kernel hold on to its pages. Results are at least 0, or a negative errno.</summary>
internal static unsafe partial class PagePins
{
    private const string LibC = "libc";
    private const long IoUringSetup = 425;
    private const long IoUringRegister = 427;
    private const int IoUringParamsBytes = 120;

    public static int Lock(ulong address, ulong bytes) => Result(mlock(address, (nuint)bytes));

    public static int Unlock(ulong address, ulong bytes) => Result(munlock(address, (nuint)bytes));

    /// <summary>An io_uring with one registered buffer, whose pages are pinned until the ring is closed and for a moment longer.</summary>
    public static int RegisterBuffer(ulong address, ulong bytes)
    {
        byte* parameters = stackalloc byte[IoUringParamsBytes];
        new Span<byte>(parameters, IoUringParamsBytes).Clear();
        int ring = Result((int)syscall(IoUringSetup, 1, (nint)parameters, 0, 0));
        if (ring < 0)
        {
            return ring;
        }

        var buffer = new Vector { Base = address, Length = (nuint)bytes };
        int result = Result((int)syscall(IoUringRegister, ring, 0, (nint)(&buffer), 1));
        if (result < 0)
        {
            Close(ring);
            return result;
        }

        return ring;
    }

    /// <summary>A pipe: what is read from the first end was written to the second.</summary>
    public static int OpenPipe(out int reader, out int writer)
    {
        int* ends = stackalloc int[2];
        int result = Result(pipe(ends));
        (reader, writer) = (ends[0], ends[1]);
        return result;
    }

    /// <summary>Puts pages themselves, not a copy, into a pipe.</summary>
    public static int Splice(int writer, ulong address, ulong bytes)
    {
        var buffer = new Vector { Base = address, Length = (nuint)bytes };
        return Result((int)vmsplice(writer, &buffer, 1, 0));
    }

    /// <summary>Opens a file for reading past the page cache, straight into the caller's pages.</summary>
    public static int OpenDirect(string path)
    {
        int direct = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 0x10000 : 0x4000;
        return Result(open(path, direct, 0));
    }

    /// <summary>Reads into memory that may be device memory.</summary>
    public static int Read(int descriptor, ulong address, ulong bytes, long offset) =>
        Result((int)pread(descriptor, address, (nuint)bytes, offset));

    /// <summary>Reads from a pipe.</summary>
    public static int Read(int descriptor, Span<byte> destination)
    {
        fixed (byte* bytes = destination)
        {
            return Result((int)read(descriptor, bytes, (nuint)destination.Length));
        }
    }

    public static void Close(int descriptor) => Assert.Equal(0, Result(close(descriptor)));

    private static int Result(int result) => result < 0 ? -Marshal.GetLastPInvokeError() : result;

    [LibraryImport(LibC, SetLastError = true)]
    private static partial int mlock(ulong address, nuint length);

    [LibraryImport(LibC, SetLastError = true)]
    private static partial int munlock(ulong address, nuint length);

    [LibraryImport(LibC, SetLastError = true)]
    private static partial long syscall(long number, long a, nint b, nint c, long d);

    [LibraryImport(LibC, SetLastError = true)]
    private static partial int pipe(int* ends);

    [LibraryImport(LibC, SetLastError = true)]
    private static partial nint vmsplice(int descriptor, Vector* vectors, nuint count, uint flags);

    [LibraryImport(LibC, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int open(string path, int flags, int mode);

    [LibraryImport(LibC, SetLastError = true)]
    private static partial nint pread(int descriptor, ulong address, nuint length, long offset);

    [LibraryImport(LibC, SetLastError = true)]
    private static partial nint read(int descriptor, byte* buffer, nuint length);

    [LibraryImport(LibC, SetLastError = true)]
    private static partial int close(int descriptor);

    /// <summary>struct iovec.</summary>
    private struct Vector
    {
        public ulong Base;
        public nuint Length;
    }
}
