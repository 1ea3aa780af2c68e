namespace XeSvm.Simulation.Memory;

/// <summary>
/// The memory of the process that opened a file. Driver and GPU code reach client memory only through this class, never by pointer:
/// what is not mapped answers -EFAULT. All members return 0 or more, or a negative errno, and may be called from any thread.
/// </summary>
internal abstract unsafe class ClientMemory
{
    /// <summary>How CPU touches of device pages behave.</summary>
    public abstract CpuFaultMode Mode { get; }

    /// <summary>copy_from_user.</summary>
    public abstract int Read(ulong address, void* destination, nuint length);

    /// <summary>copy_to_user.</summary>
    public abstract int Write(ulong address, void* source, nuint length);

    /// <summary>The mapping that contains an address, else the first above it; -ENOENT when there is none.</summary>
    public abstract int FindVma(ulong address, out ClientVma vma);

    /// <summary>Makes pages present for the CPU; device pages come home.</summary>
    public abstract int Populate(ulong address, int pages, bool write);

    /// <summary>Takes pages of one 2 MiB block out of the CPU's page table into staging; all or nothing.</summary>
    public abstract int Isolate(ulong address, int pages, out PageIsolation isolation);

    /// <summary>Ends a migration: the pages are device pages now, the first at <paramref name="vram"/>. -EBUSY when a CPU touch was first.</summary>
    public abstract int Commit(in PageIsolation isolation, byte* vram, ulong allocation);

    /// <summary>Ends a migration without effect.</summary>
    public abstract int Abort(in PageIsolation isolation);

    /// <summary>Brings home every allocation that has a device page in the range; returns the number of pages.</summary>
    public abstract int Restore(ulong address, int pages);

    /// <summary>GPU read of a device page; -EAGAIN when the page is no longer at <paramref name="vram"/>. Must not cross a page.</summary>
    public abstract int ReadDevice(ulong address, byte* vram, void* destination, int length);

    /// <summary>GPU write of a device page; -EAGAIN when the page is no longer at <paramref name="vram"/>. Must not cross a page.</summary>
    public abstract int WriteDevice(ulong address, byte* vram, void* source, int length);

    /// <summary>GPU atomic add on an aligned word of 4 or 8 bytes of a device page.</summary>
    public abstract int AddDevice(ulong address, byte* vram, ulong addend, int size, out ulong old);
}
