using XeSvm.Interop.Native;

namespace XeSvm.Simulation.Memory;

/// <summary>
/// A client without userfaultfd: this process, unless a derived class reaches another one. Pages never leave the CPU's page table: migration copies them into VRAM and keeps
/// books, but GPU accesses go to the CPU's pages, so both always see the same data. What cannot be observed is that a CPU touch brings
/// a page home.
/// </summary>
internal unsafe class CoherentClientMemory(string reason) : ClientMemory
{
    private readonly Lock _lock = new();
    private readonly List<Pagemap.DeviceMemoryAllocation> _homebound = [];
    private ulong _lastIsolation;

    public override CpuFaultMode Mode => CpuFaultMode.Coherent;

    public override string ModeReason { get; } = reason;

    /// <summary>Buffers for copies of pages.</summary>
    protected StagingPool Staging { get; } = new();

    /// <remarks>Nothing happens behind managed code's back here.</remarks>
    public override void Settle()
    {
    }

    public override int Read(ulong address, void* destination, nuint length) => NativeMethods.xesvm_client_read(address, destination, length);

    public override int Write(ulong address, void* source, nuint length) => NativeMethods.xesvm_client_write(address, source, length);

    public override int Add(ulong address, int addend) => NativeMethods.xesvm_client_add32(address, addend);

    public override int FindVma(ulong address, out ClientVma vma) => ProcessMappings.Find(address, out vma);

    public override bool IsPopulated(ulong address, int pages) => ProcessMappings.IsPopulated(this, address, pages);

    public override int Populate(ulong address, int pages, bool write)
    {
        int restored = Restore(address, pages);
        if (restored < 0)
        {
            return restored;
        }

        RecordMappings(address, address + ((ulong)pages << PageConstants.PageShift));
        return MakePresent(address, pages, write);
    }

    public override int Isolate(ulong address, int pages, TimeSpan hold, out PageIsolation isolation)
    {
        isolation = default;
        ulong end = address + ((ulong)pages << PageConstants.PageShift);
        if (Residency.Examine(address, end, out _) != Memory.Residency.System)
        {
            return -Errno.EEXIST;
        }

        RecordMappings(address, end);
        byte* staging = Staging.Take();
        nuint length = (nuint)pages << PageConstants.PageShift;
        if (Read(address, staging, length) < 0)
        {
            Staging.Return(staging);
            return -Errno.EFAULT;
        }

        isolation.Id = Interlocked.Increment(ref _lastIsolation);
        isolation.Address = address;
        isolation.Pages = pages;
        isolation.Staging = staging;
        for (int word = 0; word < PageConstants.BlockPages / 64; word++)
        {
            isolation.SetPresent(word, ulong.MaxValue);
        }

        return 0;
    }

    /// <remarks>No CPU touch is seen here, so none has to wait.</remarks>
    public override int Commit(in PageIsolation isolation, byte* vram, ulong allocation, TimeSpan hold)
    {
        Staging.Return(isolation.Staging);
        return 0;
    }

    public override int Abort(in PageIsolation isolation)
    {
        Staging.Return(isolation.Staging);
        return 0;
    }

    public override int BeginRelocation(Pagemap.DeviceMemoryAllocation from, byte* vram) => 0;

    public override int EndRelocation(Pagemap.DeviceMemoryAllocation from, ulong cookie, Pagemap.DeviceMemoryAllocation to, byte* vram, TimeSpan hold)
    {
        lock (_lock)
        {
            if (from.Cookie != cookie || from.RemainingPages != from.Pages)
            {
                return -Errno.EBUSY;
            }

            return Residency.EndMove(from, cookie, to) ? 0 : -Errno.EBUSY;
        }
    }

    public override void AbortRelocation(Pagemap.DeviceMemoryAllocation from, ulong cookie, ulong start) => Residency.EndMove(from, cookie, null);

    public override bool CanJoin => true;

    public override int Join(MigrationParts parts, Pagemap.DeviceMemoryAllocation to, byte* vram, TimeSpan hold)
    {
        lock (_lock)
        {
            foreach (ref readonly MovingAllocation from in parts.Allocations)
            {
                if (from.Allocation.Cookie != from.Cookie || from.Allocation.RemainingPages != from.Pages)
                {
                    return -Errno.EBUSY;
                }
            }

            if (!Residency.TryBeginReplace(parts.Allocations, to))
            {
                return -Errno.EBUSY;
            }

            Residency.EndReplace(parts.Allocations, to, succeeded: true);
        }

        foreach (ref readonly PageIsolation isolation in parts.Isolations)
        {
            Staging.Return(isolation.Staging);
        }

        return 0;
    }

    /// <remarks>The content is in the CPU's pages already: only the books change.</remarks>
    public override int Restore(ulong address, int pages)
    {
        return Leave(address, address + ((ulong)pages << PageConstants.PageShift), discarded: false);
    }

    /// <inheritdoc/>
    protected override bool MayBeSplit(ulong boundary) => false;

    /// <remarks>Of an allocation that is gone in part, the rest is in the CPU's pages as ever.</remarks>
    protected override void MappingGone(ulong start, ulong end) => Leave(start, end, discarded: true);

    public override int ReadDevice(ulong address, byte* vram, void* destination, int length) =>
        Read(address, destination, (nuint)length) < 0 ? -Errno.EAGAIN : 0;

    public override int WriteDevice(ulong address, byte* vram, void* source, int length) =>
        Write(address, source, (nuint)length) < 0 ? -Errno.EAGAIN : 0;

    /// <remarks>The page is the CPU's, so the add is one on client memory: of 4 bytes and 12 bits only. Nothing that executes asks for the old value.</remarks>
    public override int AddDevice(ulong address, byte* vram, ulong addend, int size, out ulong old)
    {
        old = 0;
        int result = size == sizeof(int) ? Add(address, (int)addend) : -Errno.EINVAL;
        return result switch
        {
            -Errno.EFAULT => -Errno.EAGAIN,
            -Errno.EINVAL => -Errno.EOPNOTSUPP,
            _ => result,
        };
    }

    /// <summary>Gives the memory that migrations pass through back; a migration that is still under way gives its own back at its end.</summary>
    internal void ReleaseStaging() => Staging.Dispose();

    /// <summary>Fills the page table for a range, as the faulting walk of HMM does: 0, -EFAULT, or -EPERM when it is to be writable and is not.</summary>
    protected virtual int MakePresent(ulong address, int pages, bool write) => ProcessMappings.Populate(address, pages, write);

    private int Leave(ulong start, ulong end, bool discarded)
    {
        int moved = 0;
        lock (_lock)
        {
            _homebound.Clear();
            Residency.Collect(start, end, _homebound);
            foreach (Pagemap.DeviceMemoryAllocation allocation in _homebound)
            {
                int count = allocation.RemainingPages;
                moved += count;
                allocation.PagesLeft(this, new DevicePagesLeft(allocation.Cookie, allocation.Start, count, 0, discarded, 0));
            }
        }

        return moved;
    }
}
