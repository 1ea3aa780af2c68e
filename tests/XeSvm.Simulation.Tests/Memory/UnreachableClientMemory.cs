using XeSvm.Simulation.Memory;

namespace XeSvm.Simulation.Tests.Memory;

/// <summary>A client whose memory is never touched: tests of page frames need its identity only.</summary>
internal sealed unsafe class UnreachableClientMemory : ClientMemory
{
    public override string ModeReason => "It is a test double.";

    public override CpuFaultMode Mode => CpuFaultMode.Coherent;

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

    public override int Commit(in PageIsolation isolation, byte* vram, ulong allocation, TimeSpan hold) => -Errno.EFAULT;

    public override int Abort(in PageIsolation isolation) => -Errno.EFAULT;

    public override int Restore(ulong address, int pages) => -Errno.EFAULT;

    public override int ReadDevice(ulong address, byte* vram, void* destination, int length) => -Errno.EFAULT;

    public override int WriteDevice(ulong address, byte* vram, void* source, int length) => -Errno.EFAULT;

    public override int AddDevice(ulong address, byte* vram, ulong addend, int size, out ulong old)
    {
        old = 0;
        return -Errno.EFAULT;
    }

    public override void Settle()
    {
    }

    public override int Add(ulong address, int addend) => throw new NotSupportedException();

    public override bool IsPopulated(ulong address, int pages) => throw new NotSupportedException();
}
