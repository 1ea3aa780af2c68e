using XeSvm.Interop.Uapi;
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
    private static readonly GpuPte s_null = new(GpuPteKind.Null, 0, writable: true, atomic: true, svm: false);
    private readonly Lock _pageTableLock = new();
    private readonly SvmFaultHandler? _svmFaults;
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
    }

    public Lock Lock { get; } = new();

    public SoftwareDevice Device { get; }

    public ClientMemory Client { get; }

    /// <summary>DRM_XE_VM_CREATE_FLAG_*.</summary>
    public uint Flags { get; }

    public ulong Size { get; }

    public VmaTree Vmas { get; } = new();

    public TlbGate Gate { get; } = new();

    public GpuPageTable PageTable { get; }

    /// <summary>What engines need to reach this VM's memory.</summary>
    public GpuAddressSpace AddressSpace { get; }

    /// <summary>The mirror of the client's memory; fault-mode VMs only.</summary>
    public SvmMirror? Svm { get; }

    public SvmPrefetch? Prefetch { get; }

    public bool IsFaultMode => (Flags & DrmXe.DRM_XE_VM_CREATE_FLAG_FAULT_MODE) != 0;

    public bool IsLongRunning => (Flags & DrmXe.DRM_XE_VM_CREATE_FLAG_LR_MODE) != 0;

    public bool HasScratchPage => (Flags & DrmXe.DRM_XE_VM_CREATE_FLAG_SCRATCH_PAGE) != 0;

    public bool IsClosed => _closed;

    /// <summary>Whether queues in preempt mode (long-running, no faults) exist: they forbid destroying the VM.</summary>
    public bool HasPreemptQueues => Volatile.Read(ref _preemptQueues) != 0;

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
        lock (Lock)
        {
            if (_closed)
            {
                return -Errno.ENOENT;
            }

            Vma? vma = Vmas.Find(address);
            if (vma is null || !IsFaultMode)
            {
                return HandleScratch(address, vma);
            }

            if (vma.IsReadOnly && access != GpuAccess.Read)
            {
                return -Errno.EPERM;
            }

            return vma.Kind == VmaKind.CpuAddressMirror ? _svmFaults!.Handle(vma, gt, address, access) : BindOnFault(vma, gt, access);
        }
    }

    /// <summary>Writes the page-table entries of an area that is not a mirror.</summary>
    public void BindVma(Vma vma)
    {
        GpuPte first = vma.Kind == VmaKind.Null ? s_null : vma.Object!.PteAt(vma.ObjectOffset, !vma.IsReadOnly);
        MapPageTable(vma.Start, vma.Size, first);
        vma.IsBound = true;
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

    /// <summary>A queue runs on this VM and keeps it.</summary>
    public void AddQueue()
    {
        Interlocked.Increment(ref _references);
        if (IsLongRunning && !IsFaultMode)
        {
            Interlocked.Increment(ref _preemptQueues);
        }
    }

    /// <summary>A queue is gone.</summary>
    public void RemoveQueue()
    {
        if (IsLongRunning && !IsFaultMode)
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

    /// <summary>A miss outside fault mode: the scratch page answers when the VM has one, else the engine stops.</summary>
    private int HandleScratch(ulong address, Vma? vma)
    {
        if (!HasScratchPage || vma is not null)
        {
            return -Errno.EINVAL;
        }

        MapPageTable(address & ~PageConstants.PageMask, PageConstants.PageSize, s_null);
        return 0;
    }

    private int BindOnFault(Vma vma, Gt gt, GpuAccess access)
    {
        gt.Statistics.Add(GtCounter.VmaPagefaultCount, 1);
        gt.Statistics.Add(GtCounter.VmaPagefaultKb, (long)(vma.Size >> 10));
        if (access == GpuAccess.Atomic && vma.Object is { IsInVram: false } && !Device.Profile.HasDeviceAtomicsOnSystemMemory)
        {
            return -Errno.EINVAL;
        }

        if (!vma.IsBound)
        {
            BindVma(vma);
        }

        return 0;
    }
}
