using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Driver.Fences;
using XeSvm.Simulation.Gpu;
using XeSvm.Simulation.Memory;
using XeSvm.Simulation.Svm;

namespace XeSvm.Simulation.Driver;

/// <summary>
/// A GPU address space (xe_vm). <see cref="Lock"/> is the kernel's vm lock: binds, advice and faults of one VM are serial. The
/// page-table lock is innermost and guards page-table writes, which invalidation makes without the VM lock.
/// </summary>
internal sealed unsafe class Vm : IGpuFaultHandler
{
    private static readonly GpuPte s_scratch = new(GpuPteKind.Null, 0, writable: true, atomic: true, svm: false);
    private readonly Lock _pageTableLock = new();
    private readonly SvmFaultHandler? _svmFaults;
    private readonly Stack<VmBindTransaction> _freeTransactions = new();
    private volatile bool _closed;
    private bool _emptied;
    private int _references = 1;
    private int _preemptQueues;

    public Vm(SoftwareDevice device, ClientMemory client, uint flags)
    {
        Device = device;
        Client = client;
        Flags = flags;
        Size = 1UL << device.Profile.VirtualAddressBits;
        PageTable = new GpuPageTable(Gate, device.Profile.VirtualAddressBits);
        AddressSpace = new GpuAddressSpace
        {
            PageTable = PageTable,
            Gate = Gate,
            VramBase = device.VramBase,
            Client = client,
            Bus = new BusAccess(device),
            Faults = this,
        };
        if (IsFaultMode)
        {
            Svm = new SvmMirror(this);
            _svmFaults = new SvmFaultHandler(this, Svm);
            Prefetch = new SvmPrefetch(this, Svm);
        }

        Binds = new BindScheduler(this);
    }

    public Lock Lock { get; } = new();

    public SoftwareDevice Device { get; }

    public ClientMemory Client { get; }

    /// <summary>DRM_XE_VM_CREATE_FLAG_*.</summary>
    public uint Flags { get; }

    public ulong Size { get; }

    public VmaTree Vmas { get; } = new();

    public VmaPool FreeVmas { get; } = new();

    /// <summary>Binds that wait for something.</summary>
    public BindScheduler Binds { get; }

    /// <summary>The bind queue of binds that name none.</summary>
    public BindQueue DefaultBinds { get; } = new();

    public TlbGate Gate { get; } = new();

    public GpuPageTable PageTable { get; }

    /// <summary>What engines need to reach this VM's memory.</summary>
    public GpuAddressSpace AddressSpace { get; }

    /// <summary>The mirror of the client's memory; fault-mode VMs only.</summary>
    public SvmMirror? Svm { get; }

    public SvmPrefetch? Prefetch { get; }

    public bool IsFaultMode => (Flags & DrmXe.DRM_XE_VM_CREATE_FLAG_FAULT_MODE) != 0;

    public bool IsLongRunning => (Flags & DrmXe.DRM_XE_VM_CREATE_FLAG_LR_MODE) != 0;

    /// <summary>Long-running without faults: the kernel stops queues by preemption when memory has to move.</summary>
    public bool IsPreemptMode => IsLongRunning && !IsFaultMode;

    public bool HasScratchPage => (Flags & DrmXe.DRM_XE_VM_CREATE_FLAG_SCRATCH_PAGE) != 0;

    public bool IsClosed => _closed;

    /// <summary>Whether queues run work in preempt mode: they forbid destroying the VM.</summary>
    public bool HasPreemptQueues => Volatile.Read(ref _preemptQueues) != 0;

    /// <summary>A transaction for one VM_BIND call, which comes back when it ends. Under <see cref="Lock"/>.</summary>
    public VmBindTransaction RentTransaction() => _freeTransactions.TryPop(out VmBindTransaction? free) ? free : new VmBindTransaction(this);

    /// <summary>Takes an ended transaction back. Under <see cref="Lock"/>.</summary>
    public void ReturnTransaction(VmBindTransaction transaction) => _freeTransactions.Push(transaction);

    /// <summary>Writes page-table entries for <c>[start, start + length)</c>; <paramref name="first"/> is the entry of the first byte.</summary>
    public void MapPageTable(ulong start, ulong length, GpuPte first)
    {
        lock (_pageTableLock)
        {
            PageTable.Map(start, length, first);
        }
    }

    /// <summary>Clears page-table entries; whether there were any. A TLB invalidation has to follow.</summary>
    public bool ZapPageTable(ulong start, ulong end)
    {
        lock (_pageTableLock)
        {
            return PageTable.Zap(start, end);
        }
    }

    /// <summary>After this returns, no access that began with an old translation is under way.</summary>
    public void InvalidateTlb()
    {
        Gate.InvalidateAndWait();
        Device.PrimaryGt.Statistics.Add(GtCounter.TlbInvalCount, 1);
    }

    /// <inheritdoc/>
    /// <remarks>xe_pagefault_service: one fault of a VM at a time.</remarks>
    public int HandleFault(ulong address, GpuAccess access, Gt gt)
    {
        if (Device.Loss.Strikes())
        {
            return -Errno.ECANCELED;
        }

        lock (Lock)
        {
            if (_closed)
            {
                return -Errno.ENOENT;
            }

            Vma? vma = Vmas.Find(address);
            if (vma is null || !IsFaultMode)
            {
                return HandleMiss(address, access, vma);
            }

            if (vma.IsReadOnly && access != GpuAccess.Read)
            {
                return -Errno.EPERM;
            }

            return vma.Kind == VmaKind.CpuAddressMirror ? _svmFaults!.Handle(vma, gt, address, access) : BindOnFault(vma, gt, access);
        }
    }

    /// <summary>
    /// Writes the page-table entries of an area that is not a mirror. Of entries that differ from what is there a TLB invalidation has to
    /// follow.
    /// </summary>
    public void BindVma(Vma vma)
    {
        bool atomic = vma.Attributes.Atomic != AtomicPolicy.Cpu;
        GpuPte first = vma.Kind == VmaKind.Null
            ? new GpuPte(GpuPteKind.Null, 0, !vma.IsReadOnly, atomic, svm: false)
            : vma.Object!.PteAt(vma.ObjectOffset, !vma.IsReadOnly, atomic);
        MapPageTable(vma.Start, vma.Size, first);
        vma.IsBound = true;
    }

    /// <summary>
    /// Makes changed attributes of an area count: a fault-mode VM drops its page-table entries, so that the next access looks; another
    /// one, which cannot fault, gets new entries in place of the old.
    /// </summary>
    public void Rebind(Vma vma)
    {
        if (vma.Kind == VmaKind.CpuAddressMirror)
        {
            Svm!.ZapBindings(vma.Start, vma.End);
            return;
        }

        bool changed = vma.IsBound;
        if (!IsFaultMode)
        {
            BindVma(vma);
        }
        else if (changed)
        {
            changed = ZapPageTable(vma.Start, vma.End);
            vma.IsBound = false;
        }

        if (changed)
        {
            InvalidateTlb();
        }
    }

    /// <summary>Says that the VM is about to close: faults and binds fail from here on, running work ends.</summary>
    public void BeginClose() => _closed = true;

    /// <summary>Drops every area, every range and all page-table entries; queues that still run on the VM fault from here on.</summary>
    public void Close()
    {
        _closed = true;
        lock (Lock)
        {
            if (_emptied)
            {
                return;
            }

            _emptied = true;
            Binds.CancelAll();
            Svm?.Dispose();
            ZapPageTable(0, Size);
            InvalidateTlb();
            while (Vmas.FirstOverlap(0, Size) is { } vma)
            {
                Vmas.Remove(vma);
                vma.Object?.Release();
            }
        }
    }

    /// <summary>A queue comes and keeps this VM; false when the VM is closed.</summary>
    /// <param name="runsWork">It is on an engine, not for binds.</param>
    public bool TryAddQueue(bool runsWork)
    {
        lock (Lock)
        {
            if (_closed)
            {
                return false;
            }

            Interlocked.Increment(ref _references);
        }

        if (runsWork && IsPreemptMode)
        {
            Interlocked.Increment(ref _preemptQueues);
        }

        return true;
    }

    /// <summary>A queue is gone.</summary>
    /// <param name="runsWork">As it was added.</param>
    public void RemoveQueue(bool runsWork)
    {
        if (runsWork && IsPreemptMode)
        {
            Interlocked.Decrement(ref _preemptQueues);
        }

        Release();
    }

    /// <summary>Drops a reference; the last one frees the page tables.</summary>
    public void Release()
    {
        if (Interlocked.Decrement(ref _references) == 0)
        {
            Close();
            PageTable.Dispose();
        }
    }

    /// <summary>A miss that no bind on demand can serve: the scratch page answers when the VM has one, else the engine stops.</summary>
    private int HandleMiss(ulong address, GpuAccess access, Vma? vma)
    {
        if (IsMapped(address, access))
        {
            // A bind that replaced the mapping was between clearing the old entries and writing the new ones.
            return 0;
        }

        // An area whose bind is queued is still a hole.
        if (!HasScratchPage || vma is { BindsOnCommit: false })
        {
            return -Errno.EINVAL;
        }

        MapPageTable(address, PageConstants.PageSize, s_scratch);
        return 0;
    }

    private bool IsMapped(ulong address, GpuAccess access)
    {
        lock (_pageTableLock)
        {
            return PageTable.TryWalk(address, out GpuPte pte, out _) && pte.Allows(access);
        }
    }

    /// <summary>Binds an area at its first access (xe_pagefault_handle_vma). Buffer objects stay where they are.</summary>
    private int BindOnFault(Vma vma, Gt gt, GpuAccess access)
    {
        gt.Statistics.Add(GtCounter.VmaPagefaultCount, 1);
        gt.Statistics.Add(GtCounter.VmaPagefaultKb, (long)(vma.Size >> 10));
        int allowed = access == GpuAccess.Atomic && Device.IsDiscrete ? CheckAtomic(vma) : 0;
        if (allowed < 0)
        {
            return allowed;
        }

        if (!vma.IsBound)
        {
            BindVma(vma);
        }

        return 0;
    }

    /// <summary>Whether an atomic access may fault a buffer object in (xe_vma_need_vram_for_atomic): 0, -EACCES or -EINVAL.</summary>
    private int CheckAtomic(Vma vma)
    {
        bool anywhere = vma.Attributes.Atomic == AtomicPolicy.Device && Device.Profile.HasDeviceAtomicsOnSystemMemory;
        return vma.Attributes.Atomic == AtomicPolicy.Cpu ? -Errno.EACCES
            : anywhere || vma.Object is null || (vma.Object.Placement & ~MemoryRegions.SystemBit) != 0 ? 0 : -Errno.EINVAL;
    }
}
