using System.Collections.Concurrent;
using XeSvm.Simulation.Memory;

namespace XeSvm.Simulation.Tests.Gpu.Support;

/// <summary>A client whose device pages are a table: page address to VRAM page. Everything else is not mapped.</summary>
internal sealed unsafe class FakeClientMemory : ClientMemory
{
    public override string ModeReason => "It is a test double.";

    private const ulong PageMask = 4095;
    private readonly ConcurrentDictionary<ulong, nuint> _devicePages = new();

    public override CpuFaultMode Mode => CpuFaultMode.Full;

    public int DeviceAccesses;

    public void PutDevicePage(ulong address, byte* vram) => _devicePages[address] = (nuint)vram;

    public void TakeHome(ulong address) => _devicePages.TryRemove(address, out _);

    public override int ReadDevice(ulong address, byte* vram, void* destination, int length)
    {
        if (!IsThere(address, vram, length))
        {
            return -Errno.EAGAIN;
        }

        Buffer.MemoryCopy(vram, destination, length, length);
        return 0;
    }

    public override int WriteDevice(ulong address, byte* vram, void* source, int length)
    {
        if (!IsThere(address, vram, length))
        {
            return -Errno.EAGAIN;
        }

        Buffer.MemoryCopy(source, vram, length, length);
        return 0;
    }

    public override int AddDevice(ulong address, byte* vram, ulong addend, int size, out ulong old)
    {
        old = 0;
        if (!IsThere(address, vram, size))
        {
            return -Errno.EAGAIN;
        }

        old = size == 4
            ? Interlocked.Add(ref *(uint*)vram, (uint)addend) - (uint)addend
            : Interlocked.Add(ref *(ulong*)vram, addend) - addend;
        return 0;
    }

    public override int CompareExchangeDevice(ulong address, byte* vram, ulong expected, ulong desired, int size, out ulong seen)
    {
        seen = 0;
        if (!IsThere(address, vram, size))
        {
            return -Errno.EAGAIN;
        }

        seen = size == sizeof(uint)
            ? Interlocked.CompareExchange(ref *(uint*)vram, (uint)desired, (uint)expected)
            : Interlocked.CompareExchange(ref *(ulong*)vram, desired, expected);
        return 0;
    }

    public override int Read(ulong address, void* destination, nuint length) => -Errno.EFAULT;

    public override int Write(ulong address, void* source, nuint length) => -Errno.EFAULT;

    public override int FindVma(ulong address, out ClientVma vma)
    {
        vma = default;
        return -Errno.ENOENT;
    }

    public override int Populate(ulong address, int pages, bool write) => -Errno.EFAULT;

    public override int Isolate(ulong address, int pages, TimeSpan hold, out PageIsolation isolation)
    {
        isolation = default;
        return -Errno.EFAULT;
    }

    public override int Commit(in PageIsolation isolation, byte* vram, ulong allocation, TimeSpan hold) => -Errno.EINVAL;

    public override int Abort(in PageIsolation isolation) => -Errno.EINVAL;

    public override int Restore(ulong address, int pages) => 0;

    private bool IsThere(ulong address, byte* vram, int length)
    {
        Assert.True((address & PageMask) + (ulong)length <= PageMask + 1, "A device access crosses a page.");
        Interlocked.Increment(ref DeviceAccesses);
        return _devicePages.TryGetValue(address & ~PageMask, out nuint page) && page + (nuint)(address & PageMask) == (nuint)vram;
    }

    public override void Settle()
    {
    }

    public override int Add(ulong address, int addend) => throw new NotSupportedException();

    public override bool IsPopulated(ulong address, int pages) => throw new NotSupportedException();
}
