using System.Text;

namespace XeSvm.Simulation.Memory;

/// <summary>
/// The memory of the process that opened a file. Driver and GPU code reach client memory only through this class, never by pointer:
/// what is not mapped answers -EFAULT. All members return 0 or more, or a negative errno, and may be called from any thread.
/// </summary>
internal abstract unsafe class ClientMemory
{
    /// <summary>How CPU touches of device pages behave.</summary>
    public abstract CpuFaultMode Mode { get; }

    /// <summary>One sentence: why <see cref="Mode"/> is what it is.</summary>
    public abstract string ModeReason { get; }

    /// <summary>Adds what has happened to CPU faults so far as <c>name: value</c> lines.</summary>
    public virtual void FormatCounters(StringBuilder text)
    {
    }

    /// <summary>The device mirrors of this address space.</summary>
    public MmuNotifiers Notifiers { get; } = new();

    /// <summary>Which pages of this address space are in which device's VRAM.</summary>
    public DeviceResidency Residency { get; } = new();

    /// <summary>The owners of device pages by the cookie given to <see cref="Commit"/>.</summary>
    public DevicePageOwners Owners { get; } = new();

    /// <summary>
    /// Settles the accounts of everything that happened to device pages before this call. Must not be called with a lock that
    /// <see cref="IDevicePageOwner.PagesLeft"/> or <see cref="IMmuNotifier.Invalidate"/> take.
    /// </summary>
    public abstract void Settle();

    /// <summary>How the memory is mapped that devices know of.</summary>
    protected internal MappingRecords Mappings { get; } = new();

    /// <summary>
    /// Notices changes of mappings that nobody has reported: of memory that userfaultfd does not watch, of protections, and of all memory
    /// where there is no userfaultfd. Memory that is gone, or is other memory now, is invalidated as unmapped; memory whose
    /// protection has changed only as moved. Two mappings with equal flags cannot be told apart. The rules for locks are those of <see cref="Settle"/>.
    /// </summary>
    public void Revalidate(ulong start, ulong end)
    {
        while (start < end && Mappings.TryFind(start, end, out ClientVma record))
        {
            start = record.Start;
            bool mapped = FindVma(start, out ClientVma vma) == 0 && vma.Start <= start;
            ulong changed = mapped ? Math.Min(vma.End, record.End) : NextMapping(vma, record.End);
            if (!mapped || vma.Flags != record.Flags)
            {
                Mappings.Remove(start, changed);
                bool gone = !mapped || ((vma.Flags ^ record.Flags) & ClientVmaFlags.Kind) != 0;
                Notifiers.Invalidate(start, changed, gone ? MmuEvent.Unmap : MmuEvent.Migrate);
                if (gone)
                {
                    MappingGone(start, changed);
                }
            }

            start = changed;
        }
    }

    /// <summary>
    /// Invalidates what cannot be read in a range, as unmapped: it could when the range was chosen, and other memory or none took its place
    /// before that could be recorded. The rules for locks are those of <see cref="Settle"/>.
    /// </summary>
    public void ReportHoles(ulong start, ulong end)
    {
        while (start < end)
        {
            bool found = FindVma(start, out ClientVma vma) == 0;
            bool readable = (vma.Flags & ClientVmaFlags.Read) != 0;
            ulong hole = found ? Math.Min(readable ? vma.Start : vma.End, end) : end;
            if (hole > start)
            {
                Mappings.Remove(start, hole);
                Notifiers.Invalidate(start, hole, MmuEvent.Unmap);
                MappingGone(start, hole);
            }

            start = found ? Math.Max(vma.End, hole) : end;
        }
    }

    /// <summary>Records how a range is mapped, which a device is about to be told of.</summary>
    protected void RecordMappings(ulong start, ulong end)
    {
        while (start < end && FindVma(start, out ClientVma vma) == 0 && vma.Start <= start)
        {
            ulong stop = Math.Min(vma.End, end);
            Mappings.Add(start, stop, vma.Flags);
            start = stop;
        }
    }

    /// <summary>
    /// Whether a boundary of mappings may have been made behind the client's back. Where it was not, it means something: neighbours with equal
    /// flags can differ in what they hold, as in guard pages (MADV_GUARD_INSTALL), which no flag shows.
    /// </summary>
    protected virtual bool MayBeSplit(ulong boundary) => true;

    /// <summary>The client has unmapped a range, and nobody has reported it.</summary>
    protected virtual void MappingGone(ulong start, ulong end)
    {
    }

    private static ulong NextMapping(in ClientVma above, ulong end) => above.End == 0 ? end : Math.Min(above.Start, end);

    /// <summary>copy_from_user.</summary>
    public abstract int Read(ulong address, void* destination, nuint length);

    /// <summary>copy_to_user.</summary>
    public abstract int Write(ulong address, void* source, nuint length);

    /// <summary>Atomic add on an aligned 32-bit word, as another agent on the bus would do it; -EINVAL for an addend beyond 12 bits.</summary>
    public abstract int Add(ulong address, int addend);

    /// <summary>The mapping that contains an address, else the first above it; -ENOENT when there is none.</summary>
    public abstract int FindVma(ulong address, out ClientVma vma);

    /// <summary>Whether every page of a range has a page of its own: in the CPU's page table or in a device's VRAM. Faults nothing in.</summary>
    public abstract bool IsPopulated(ulong address, int pages);

    /// <summary>Makes pages present for the CPU; device pages come home.</summary>
    public abstract int Populate(ulong address, int pages, bool write);

    /// <summary>
    /// Takes pages of one 2 MiB block out of the CPU's page table into staging; all or nothing. As long as <paramref name="hold"/> says CPU
    /// touches wait for the migration's end, as at the kernel's migration entries; after that one takes the pages back.
    /// </summary>
    public abstract int Isolate(ulong address, int pages, TimeSpan hold, out PageIsolation isolation);

    /// <summary>
    /// Ends a migration: the pages are device pages now, the first at <paramref name="vram"/>, and CPU touches wait as long as
    /// <paramref name="hold"/> says. -EBUSY when a CPU touch was first.
    /// </summary>
    public abstract int Commit(in PageIsolation isolation, byte* vram, ulong allocation, TimeSpan hold);

    /// <summary>Ends a migration without effect.</summary>
    public abstract int Abort(in PageIsolation isolation);

    /// <summary>
    /// Begins to move the device pages of a whole allocation to other VRAM: GPU access answers -EAGAIN from here on, a CPU touch brings the
    /// pages home as ever. -EBUSY when one has left, or when this client's memory cannot do it: then they go by way of system memory.
    /// </summary>
    public virtual int BeginRelocation(Pagemap.DeviceMemoryAllocation from, byte* vram) => -Errno.EBUSY;

    /// <summary>Ends that: the pages are those of <paramref name="to"/>, also in <see cref="Residency"/>. -EBUSY, without effect, when one has left meanwhile.</summary>
    /// <param name="from">The allocation that was moved.</param>
    /// <param name="cookie">Its cookie when the move began.</param>
    /// <param name="to">The allocation that has a copy.</param>
    /// <param name="vram">Host address of the copy.</param>
    /// <param name="hold">How long a CPU touch waits from now on, as for <see cref="Commit"/>.</param>
    public virtual int EndRelocation(Pagemap.DeviceMemoryAllocation from, ulong cookie, Pagemap.DeviceMemoryAllocation to, byte* vram, TimeSpan hold) => -Errno.EBUSY;

    /// <summary>Ends it without effect.</summary>
    public virtual void AbortRelocation(Pagemap.DeviceMemoryAllocation from, ulong cookie, ulong start) => Residency.EndMove(from, cookie, null);

    /// <summary>Whether <see cref="Join"/> can be done; if not, memory that lies in several places moves by way of system memory.</summary>
    public virtual bool CanJoin => false;

    /// <summary>
    /// Ends open isolations and begun relocations together: all their pages are those of <paramref name="to"/>, also in <see cref="Residency"/>.
    /// -EBUSY, without effect, when one has left meanwhile; then each is to be aborted.
    /// </summary>
    /// <param name="parts">What makes up all pages of <paramref name="to"/>.</param>
    /// <param name="to">The allocation that has a copy.</param>
    /// <param name="vram">Host address of the copy.</param>
    /// <param name="hold">How long a CPU touch waits from now on, as for <see cref="Commit"/>.</param>
    public virtual int Join(MigrationParts parts, Pagemap.DeviceMemoryAllocation to, byte* vram, TimeSpan hold) => -Errno.EBUSY;

    /// <summary>VRAM is about to hold pages of this client: a client that cannot see the device's own brings memory for it. -EBUSY when it cannot now.</summary>
    public virtual int PlaceDevicePages(Driver.SoftwareDevice device, ulong offset, ulong size) => 0;

    /// <summary>Ends what <see cref="PlaceDevicePages"/> began: no page is there any more.</summary>
    public virtual void RemoveDevicePages(Driver.SoftwareDevice device, ulong offset, ulong size)
    {
    }

    /// <summary>Brings home every allocation that has a device page in the range; returns the number of pages.</summary>
    public abstract int Restore(ulong address, int pages);

    /// <summary>GPU read of a device page; -EAGAIN when the page is no longer at <paramref name="vram"/>. Must not cross a page.</summary>
    public abstract int ReadDevice(ulong address, byte* vram, void* destination, int length);

    /// <summary>GPU write of a device page; -EAGAIN when the page is no longer at <paramref name="vram"/>. Must not cross a page.</summary>
    public abstract int WriteDevice(ulong address, byte* vram, void* source, int length);

    /// <summary>GPU atomic add on an aligned word of 4 or 8 bytes of a device page.</summary>
    public abstract int AddDevice(ulong address, byte* vram, ulong addend, int size, out ulong old);

    /// <summary>
    /// GPU compare-and-exchange on an aligned word of 4 or 8 bytes of a device page: writes when the word is as expected, and tells what it was;
    /// -EAGAIN when the page is no longer at <paramref name="vram"/>; -EOPNOTSUPP when this client's memory cannot do it.
    /// </summary>
    public virtual int CompareExchangeDevice(ulong address, byte* vram, ulong expected, ulong desired, int size, out ulong seen)
    {
        seen = 0;
        return -Errno.EOPNOTSUPP;
    }

    /// <summary>
    /// The same on system memory, atomic against the CPU: -EFAULT not mapped or not writable; -EAGAIN not now; -EOPNOTSUPP when this
    /// client's memory, or memory of this kind (shared, of a file), cannot do it.
    /// </summary>
    public virtual int CompareExchange(ulong address, ulong expected, ulong desired, int size, out ulong seen)
    {
        seen = 0;
        return -Errno.EOPNOTSUPP;
    }

    /// <summary>
    /// What the native compare-and-exchange on client memory means. The page is isolated for the moment of the exchange: what cannot be isolated
    /// for good, because it is shared or of a file, cannot be exchanged; what is isolated already, or pinned, is to be tried again.
    /// </summary>
    protected int ExplainExchange(int result, ulong address)
    {
        switch (result)
        {
            case -Errno.ENODATA:
                result = Populate(address & ~PageConstants.PageMask, 1, write: true);
                return result < 0 ? -Errno.EFAULT : -Errno.EAGAIN;
            case -Errno.EBUSY:
                return WhyBusy(address);
            case -Errno.EEXIST:
                return -Errno.EAGAIN;
            default:
                return result;
        }
    }

    private int WhyBusy(ulong address)
    {
        const ClientVmaFlags access = ClientVmaFlags.Read | ClientVmaFlags.Write;
        if (FindVma(address, out ClientVma vma) < 0 || vma.Start > address || (vma.Flags & access) != access)
        {
            return -Errno.EFAULT;
        }

        return (vma.Flags & (ClientVmaFlags.Anonymous | ClientVmaFlags.Shared)) == ClientVmaFlags.Anonymous ? -Errno.EAGAIN : -Errno.EOPNOTSUPP;
    }

    /// <summary>
    /// The memory around an address as its owner mapped it, as far as <c>[low, high)</c> needs: where registering part of a mapping for faults
    /// splits it, neighbouring mappings with equal flags count as one.
    /// </summary>
    /// <returns>0, or -ENOENT when nothing is mapped at the address.</returns>
    public int FindMapping(ulong address, ulong low, ulong high, out ClientVma mapping)
    {
        int result = FindVma(address, out mapping);
        if (result < 0 || mapping.Start > address)
        {
            mapping = default;
            return result < 0 ? result : -Errno.ENOENT;
        }

        while (mapping.Start > low && MayBeSplit(mapping.Start) && FindVma(mapping.Start - 1, out ClientVma below) == 0
            && below.End == mapping.Start && below.Flags == mapping.Flags)
        {
            mapping = mapping with { Start = below.Start };
        }

        while (mapping.End < high && MayBeSplit(mapping.End) && FindVma(mapping.End, out ClientVma above) == 0
            && above.Start == mapping.End && above.Flags == mapping.Flags)
        {
            mapping = mapping with { End = above.End };
        }

        return 0;
    }
}
