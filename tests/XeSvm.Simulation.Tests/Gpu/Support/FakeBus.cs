using XeSvm.Simulation.Gpu;

namespace XeSvm.Simulation.Tests.Gpu.Support;

/// <summary>Memory behind an IOMMU: bus addresses from a base on are a buffer; below it, the answer can be chosen.</summary>
internal sealed unsafe class FakeBus(byte* memory, ulong size) : IGpuBusAccess
{
    public const ulong Base = 0xf_0000_0000;

    public int Accesses;

    /// <summary>How many of the next accesses answer -EAGAIN.</summary>
    public int Retries;

    public int Read(ulong busAddress, void* destination, int length)
    {
        int result = Check(busAddress, length, out byte* at);
        if (result == 0)
        {
            Buffer.MemoryCopy(at, destination, length, length);
        }

        return result;
    }

    public int Write(ulong busAddress, void* source, int length)
    {
        int result = Check(busAddress, length, out byte* at);
        if (result == 0)
        {
            Buffer.MemoryCopy(source, at, length, length);
        }

        return result;
    }

    public int Add(ulong busAddress, ulong addend, int size, out ulong old)
    {
        old = 0;
        int result = Check(busAddress, size, out byte* at);
        if (result == 0)
        {
            old = size == 4
                ? Interlocked.Add(ref *(uint*)at, (uint)addend) - (uint)addend
                : Interlocked.Add(ref *(ulong*)at, addend) - addend;
        }

        return result;
    }

    private int Check(ulong busAddress, int length, out byte* at)
    {
        Assert.True((busAddress & 4095) + (ulong)length <= 4096, "A bus access crosses a page.");
        Interlocked.Increment(ref Accesses);
        at = memory + (busAddress - Base);
        if (Retries > 0)
        {
            Retries--;
            return -Errno.EAGAIN;
        }

        return busAddress >= Base && busAddress - Base + (ulong)length <= size ? 0 : -Errno.EFAULT;
    }
}
