using XeSvm.Simulation.Gpu;

namespace XeSvm.Simulation.Tests.Gpu.Support;

/// <summary>Memory behind an IOMMU: bus addresses from a base on are a buffer; below it, the answer can be chosen.</summary>
internal sealed unsafe class FakeBus(byte* memory, ulong size) : IGpuBusAccess
{
    public const ulong Base = 0xf_0000_0000;

    public int Accesses;

    /// <summary>How many of the next accesses answer -EAGAIN.</summary>
    public int Retries;

    public int Read(GpuBusAddress busAddress, void* destination, int length)
    {
        int result = Check(busAddress.Value, length, out byte* at);
        if (result == 0)
        {
            Buffer.MemoryCopy(at, destination, length, length);
        }

        return result;
    }

    public int Write(GpuBusAddress busAddress, void* source, int length)
    {
        int result = Check(busAddress.Value, length, out byte* at);
        if (result == 0)
        {
            Buffer.MemoryCopy(source, at, length, length);
        }

        return result;
    }

    public int Add(GpuBusAddress busAddress, int addend)
    {
        Assert.True(addend is >= -2048 and <= 2047, "An addend has more than 12 bits.");
        int result = Check(busAddress.Value, sizeof(int), out byte* at);
        if (result == 0)
        {
            Interlocked.Add(ref *(int*)at, addend);
        }

        return result;
    }

    public int CompareExchange(GpuBusAddress busAddress, ulong expected, ulong desired, int size, out ulong seen)
    {
        seen = 0;
        int result = Check(busAddress.Value, size, out byte* at);
        if (result == 0)
        {
            seen = size == sizeof(uint)
                ? Interlocked.CompareExchange(ref *(uint*)at, (uint)desired, (uint)expected)
                : Interlocked.CompareExchange(ref *(ulong*)at, desired, expected);
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
