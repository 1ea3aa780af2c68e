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

    /// <summary>Atomic add on a naturally aligned word of 4 or 8 bytes.</summary>
    public int Add(in GpuTarget target, ulong addend, int size, out ulong old)
    {
        switch (target.Kind)
        {
            case GpuTargetKind.Direct:
                old = size == sizeof(uint)
                    ? Interlocked.Add(ref *(uint*)target.Host, (uint)addend) - (uint)addend
                    : Interlocked.Add(ref *(ulong*)target.Host, addend) - addend;
                return 0;
            case GpuTargetKind.DevicePage:
                return client.AddDevice(target.Address, target.Host, addend, size, out old);
            case GpuTargetKind.Bus:
                return bus.Add(target.BusAddress, addend, size, out old);
            default:
                old = 0;
                return 0;
        }
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
