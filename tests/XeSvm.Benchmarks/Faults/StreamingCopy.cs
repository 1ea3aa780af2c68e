using System.Runtime.InteropServices;
using XeSvm.Interop;
using XeSvm.Interop.LibC;

namespace XeSvm.Benchmarks.Faults;

/// <summary>
/// memcpy as the unit of measure: between 4 KiB pages that are all present, either streaming over more memory than the caches hold or
/// within one piece that they do.
/// </summary>
internal sealed unsafe class StreamingCopy : IDisposable
{
    private const ulong Bytes = 64UL << 20;
    private const ulong Alignment = 2UL << 20;

    private readonly byte* _source = Map();
    private readonly byte* _destination = Map();
    private readonly nuint _piece;
    private nuint _cursor;

    /// <param name="piece">Bytes of one copy; a divisor of 64 MiB.</param>
    public StreamingCopy(nuint piece) => _piece = piece;

    /// <summary>Copies a number of pieces, each behind the one before it.</summary>
    public void Stream(int pieces, LatencySamples samples)
    {
        for (int i = 0; i < pieces; i++)
        {
            samples.Begin();
            Buffer.MemoryCopy(_source + _cursor, _destination + _cursor, _piece, _piece);
            samples.End();
            _cursor = (_cursor + _piece) % (nuint)Bytes;
        }
    }

    /// <summary>Copies the same piece a number of times.</summary>
    public void Repeat(int times, LatencySamples samples)
    {
        for (int i = 0; i < times; i++)
        {
            samples.Begin();
            Buffer.MemoryCopy(_source, _destination, _piece, _piece);
            samples.End();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _ = SystemCalls.Unmap((nint)_source, (nuint)Bytes);
        _ = SystemCalls.Unmap((nint)_destination, (nuint)Bytes);
    }

    private static byte* Map()
    {
        int result = SystemCalls.MapAnonymous((nuint)Bytes, MemoryProtection.ReadWrite, (nuint)Alignment, out nint address);
        if (result < 0)
        {
            throw new InvalidOperationException($"64 MiB of memory: {Errno.Describe(result)}.");
        }

        // The memory that migrates is made of 4 KiB pages too. EINVAL: the kernel has no huge pages to keep out.
        _ = SystemCalls.Advise(address, (nuint)Bytes, MemoryAdvice.NoHugePage);
        NativeMemory.Fill((void*)address, (nuint)Bytes, 0x5a);
        return (byte*)address;
    }
}
