using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using XeSvm.Simulation.Memory;

namespace XeSvm.Simulation.Gpu;

/// <summary>
/// Accesses translated pieces of memory, each in the way that its kind asks for. Results are 0, -EAGAIN (page fault) or -EFAULT.
/// Naturally aligned accesses of 4 and 8 bytes are single copies. Called inside an access section.
/// </summary>
internal sealed unsafe class GpuTargetAccess(ClientMemory client, IGpuBusAccess bus)
{
    // What IGpuBusAccess.Add takes.
    private const long SmallestBusAddend = -2048;
    private const long LargestBusAddend = 2047;

    /// <summary>Reads from a piece.</summary>
    public int Read(in GpuTarget target, void* destination, int length)
    {
        switch (target.Kind)
        {
            case GpuTargetKind.Direct:
                CopyDirect(destination, target.Host, length);
                return 0;
            case GpuTargetKind.DevicePage:
                return client.ReadDevice(target.Address, target.Host, destination, length);
            case GpuTargetKind.Bus:
                return bus.Read(target.BusAddress, destination, length);
            default:
                NativeMemory.Clear(destination, (nuint)length);
                return 0;
        }
    }

    /// <summary>Writes to a piece.</summary>
    public int Write(in GpuTarget target, void* source, int length)
    {
        switch (target.Kind)
        {
            case GpuTargetKind.Direct:
                CopyDirect(target.Host, source, length);
                return 0;
            case GpuTargetKind.DevicePage:
                return client.WriteDevice(target.Address, target.Host, source, length);
            case GpuTargetKind.Bus:
                return bus.Write(target.BusAddress, source, length);
            default:
                return 0;
        }
    }

    /// <summary>An atomic operation on a naturally aligned word of 4 or 8 bytes; -EOPNOTSUPP when the memory cannot do it.</summary>
    public int Atomic(in GpuTarget target, in AtomicOperation operation)
    {
        if (target.Kind == GpuTargetKind.Null)
        {
            return 0;
        }

        // Additions have a way of their own, which costs one access.
        if (operation.IsAddition(out ulong addend))
        {
            if (target.Kind == GpuTargetKind.DevicePage)
            {
                return client.AddDevice(target.Address, target.Host, addend, operation.Size, out _);
            }

            if (target.Kind == GpuTargetKind.Bus && operation.Size == sizeof(uint) && (long)addend is >= SmallestBusAddend and <= LargestBusAddend)
            {
                return bus.Add(target.BusAddress, (int)addend);
            }
        }

        ulong expected = 0;
        int result = Read(target, &expected, operation.Size);
        while (result == 0)
        {
            ulong desired = operation.Apply(expected);
            result = CompareExchange(target, expected, desired, operation.Size, out ulong seen);
            if (result < 0 || seen == expected)
            {
                break;
            }

            expected = seen;
        }

        return result;
    }

    /// <summary>Copies between two pieces.</summary>
    /// <param name="destination">Where to.</param>
    /// <param name="source">Where from.</param>
    /// <param name="length">Bytes; within both pieces.</param>
    /// <param name="access">Which side an error is of: read for the source, write for the destination.</param>
    public int Copy(in GpuTarget destination, in GpuTarget source, int length, out GpuAccess access)
    {
        access = GpuAccess.Read;
        if (destination.Kind == GpuTargetKind.Direct)
        {
            return Read(source, destination.Host, length);
        }

        if (source.Kind == GpuTargetKind.Direct)
        {
            access = GpuAccess.Write;
            return Write(destination, source.Host, length);
        }

        return destination.Kind == GpuTargetKind.Null ? 0 : CopyThroughBuffer(destination, source, length, out access);
    }

    /// <summary>Neither side is memory of ours. The destination is accessed page by page, so a page is enough of a buffer.</summary>
    [SkipLocalsInit]
    private int CopyThroughBuffer(in GpuTarget destination, in GpuTarget source, int length, out GpuAccess access)
    {
        byte* buffer = stackalloc byte[(int)GpuPageTable.PageSize];
        access = GpuAccess.Read;
        int result = Read(source, buffer, length);
        if (result < 0)
        {
            return result;
        }

        access = GpuAccess.Write;
        return Write(destination, buffer, length);
    }

    private int CompareExchange(in GpuTarget target, ulong expected, ulong desired, int size, out ulong seen)
    {
        switch (target.Kind)
        {
            case GpuTargetKind.Direct:
                seen = size == sizeof(uint)
                    ? Interlocked.CompareExchange(ref *(uint*)target.Host, (uint)desired, (uint)expected)
                    : Interlocked.CompareExchange(ref *(ulong*)target.Host, desired, expected);
                return 0;
            case GpuTargetKind.DevicePage:
                return client.CompareExchangeDevice(target.Address, target.Host, expected, desired, size, out seen);
            default:
                return bus.CompareExchange(target.BusAddress, expected, desired, size, out seen);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void CopyDirect(void* destination, void* source, int length)
    {
        nuint alignment = (nuint)destination | (nuint)source | (nuint)length;
        if (length == sizeof(uint) && (alignment & (sizeof(uint) - 1)) == 0)
        {
            Volatile.Write(ref *(uint*)destination, Volatile.Read(ref *(uint*)source));
        }
        else if (length == sizeof(ulong) && (alignment & (sizeof(ulong) - 1)) == 0)
        {
            Volatile.Write(ref *(ulong*)destination, Volatile.Read(ref *(ulong*)source));
        }
        else
        {
            Buffer.MemoryCopy(source, destination, length, length);
        }
    }
}
