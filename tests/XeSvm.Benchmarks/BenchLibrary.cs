using System.Runtime.InteropServices;

namespace XeSvm.Benchmarks;

/// <summary>libxesvm_bench (native/bench): what benchmarks need to have done in C.</summary>
internal static unsafe class BenchLibrary
{
    private static readonly nint s_library = NativeLibrary.Load(Path.Combine(AppContext.BaseDirectory, "libxesvm_bench.so"));

    /// <summary>Calls xesvm_ioctl in a loop: descriptor, request, argument, count; returns the sum of the results.</summary>
    public static readonly delegate* unmanaged<int, uint, void*, long, long> IoctlLoop =
        (delegate* unmanaged<int, uint, void*, long, long>)NativeLibrary.GetExport(s_library, "xesvm_bench_ioctl_loop");

    private static readonly delegate* unmanaged<uint, int> s_pinThread =
        (delegate* unmanaged<uint, int>)NativeLibrary.GetExport(s_library, "xesvm_bench_pin_thread");

    /// <summary>Ties the calling thread to a processor of its own.</summary>
    /// <param name="number">A number from 0; the processors are those that the thread may use.</param>
    /// <exception cref="InvalidOperationException">There are fewer processors.</exception>
    public static void PinThread(int number)
    {
        int result = s_pinThread((uint)number);
        if (result < 0)
        {
            throw new InvalidOperationException($"Thread {number} got no processor of its own: {Interop.Errno.Describe(result)}.");
        }
    }
}
