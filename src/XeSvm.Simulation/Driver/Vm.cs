using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Driver.Fences;
using XeSvm.Simulation.Gpu;
using XeSvm.Simulation.Memory;
using XeSvm.Simulation.Pagemap;
using XeSvm.Simulation.Peers.Locks;
using XeSvm.Simulation.Peers.Software;
using XeSvm.Simulation.Svm;

namespace XeSvm.Simulation.Driver;

/// <summary>
/// A GPU address space (xe_vm). <see cref="Lock"/> is the kernel's vm lock: binds, advice and faults of one VM are serial. The
/// page-table lock is innermost and guards page-table writes, which invalidation makes without the VM lock.
/// </summary>
internal sealed unsafe partial class Vm : IGpuFaultHandler
{
    private static readonly GpuPte s_scratch = new(GpuPteKind.Null, 0, writable: true, atomic: true, svm: false);
    private readonly MonitorLock _pageTableLock = new();
    private readonly GpuPageTable[] _pageTables;
    private readonly GpuAddressSpace[] _addressSpaces;
    private readonly SvmFaultHandler? _svmFaults;
    private readonly Stack<VmBindTransaction> _freeTransactions = new();
    private volatile bool _closed;
    private bool _emptied;
    private ReferenceCount _references = new();
    private int _preemptQueues;
    private readonly List<XeExecQueue> _workQueues = [];

    public Vm(SoftwareDevice device, ClientMemory client, uint flags)
    {
        Device = device;
        Client = client;
        Flags = flags;
        Size = 1UL << device.Profile.VirtualAddressBits;
        Peers = new VmPeers(device, IsFaultMode);
        _pageTables = [.. device.Tiles.Select(_ => new GpuPageTable(Gate, device.Profile.VirtualAddressBits))];
        var bus = new BusAccess(device);
        _addressSpaces =
        [
            .. _pageTables.Select(pageTable => new GpuAddressSpace
            {
                PageTable = pageTable,
                Gate = Gate,
                VramBase = device.VramBase,
                Client = client,
                Bus = bus,
                Faults = this,
                HasScratchAbove = HasScratchPage && !IsFaultMode,
            }),
        ];
        if (IsFaultMode)
        {
            Svm = new SvmMirror(this);
            _svmFaults = new SvmFaultHandler(this, Svm);
            Prefetch = new SvmPrefetch(this, Svm);
        }

        Userptrs = new UserptrMirrors(this);
        Binds = new BindScheduler(this);
    }

    public MonitorLock Lock { get; } = new();

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

    /// <summary>The page table of tile 0.</summary>
    public GpuPageTable PageTable => _pageTables[0];

    /// <summary>Bit per tile of the device.</summary>
    public uint AllTiles => (1u << _pageTables.Length) - 1;

    /// <summary>The mirror of the client's memory; fault-mode VMs only.</summary>
    public SvmMirror? Svm { get; }

    public SvmPrefetch? Prefetch { get; }

    /// <summary>The other devices whose memory this VM knows of.</summary>
    public VmPeers Peers { get; }

    /// <summary>The userptr areas.</summary>
    public UserptrMirrors Userptrs { get; }

    /// <summary>The faults that could not be served (VM_GET_PROPERTY).</summary>
    public VmFaultLog FaultLog { get; } = new();

    public bool IsFaultMode => (Flags & DrmXe.DRM_XE_VM_CREATE_FLAG_FAULT_MODE) != 0;

    public bool IsLongRunning => (Flags & DrmXe.DRM_XE_VM_CREATE_FLAG_LR_MODE) != 0;

    /// <summary>Long-running without faults: the kernel stops queues by preemption when memory has to move.</summary>
    public bool IsPreemptMode => IsLongRunning && !IsFaultMode;

    /// <summary>
    /// Whether a bind may evict other objects of this VM (xe_vm_allow_vm_eviction): one whose queues run without end and without faults
    /// needs all of them at once.
    /// </summary>
    public bool MayEvictItsOwn => !IsLongRunning || (IsFaultMode && (Flags & DrmXe.DRM_XE_VM_CREATE_FLAG_NO_VM_OVERCOMMIT) == 0);

    public bool HasScratchPage => (Flags & DrmXe.DRM_XE_VM_CREATE_FLAG_SCRATCH_PAGE) != 0;

    public bool IsClosed => _closed;

    /// <summary>Whether queues run work in preempt mode: they forbid destroying the VM.</summary>
    public bool HasPreemptQueues => Volatile.Read(ref _preemptQueues) != 0;

    /// <summary>A transaction for one VM_BIND call, which comes back when it ends. Under <see cref="Lock"/>.</summary>
    public VmBindTransaction RentTransaction() => _freeTransactions.TryPop(out VmBindTransaction? free) ? free : new VmBindTransaction(this);

    /// <summary>Takes an ended transaction back. Under <see cref="Lock"/>.</summary>
    public void ReturnTransaction(VmBindTransaction transaction) => _freeTransactions.Push(transaction);

    /// <summary>The page table of a tile.</summary>
    public GpuPageTable PageTableOf(int tile) => _pageTables[tile];

    /// <summary>What the engines of a tile need to reach this VM's memory.</summary>
    public GpuAddressSpace AddressSpaceOf(Gt gt) => _addressSpaces[gt.TileId];

    /// <summary>
    /// Writes the page-table entries of an area that is not a mirror, after making sure that what it maps is where it may be. Of entries that
    /// differ from what is there a TLB invalidation has to follow.
    /// </summary>
    /// <param name="vma">The area.</param>
    /// <param name="tiles">Bit per tile whose page table is written.</param>
    /// <param name="keep">Objects of this VM are not evicted for it; null: any may be.</param>
    /// <returns>0; -ENOMEM; -EFAULT for client memory that is gone; -EINVAL for a purged object.</returns>
    public int BindVma(Vma vma, uint tiles, Vm? keep = null)
    {
        switch (vma.Kind)
        {
            case VmaKind.Null:
                bool anyAtomic = vma.Attributes.Atomic != AtomicPolicy.Cpu;
                MapPageTable(vma.Start, vma.Size, new GpuPte(GpuPteKind.Null, 0, !vma.IsReadOnly, anyAtomic, svm: false), tiles);
                vma.IsBound = true;
                return 0;
            case VmaKind.Userptr:
                int pinned;
                do
                {
                    pinned = Userptrs.Pin(vma);
                }
                while (pinned == 0 && (pinned = Userptrs.Bind(vma, AllowsAtomics(vma, inVram: false), tiles)) == -Errno.EAGAIN);
                return pinned;
            default:
                lock (vma.Object!.Lock)
                {
                    int result = vma.Object.Validate(keep);
                    if (result == 0)
                    {
                        bool atomic = AllowsAtomics(vma, vma.Object.IsInVram);
                        MapPageTable(vma.Start, vma.Size, vma.Object.PteAt(vma.ObjectOffset, !vma.IsReadOnly, atomic), tiles);
                        vma.IsBound = true;
                    }

                    return result;
                }
        }
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

        // Another VM may hear of the advice by its next bind only; this one drops what it has.
        uint changed = vma.IsBound ? ZapPageTable(vma.Start, vma.End) : 0;
        if (!IsFaultMode)
        {
            // A VM that cannot fault gets new entries at once. Where they cannot be had, the next access finds out why.
            BindVma(vma, AllTiles);
        }

        InvalidateTlb(changed);
    }

    /// <summary>Says that the VM is about to close: faults and binds fail from here on, running work ends.</summary>
    public void BeginClose() => _closed = true;

    /// <summary>Whether this VM's device reaches device pages as they are: their owner has the same token.</summary>
    public bool Sees(DevicePagemap pagemap)
    {
        if (pagemap.Device == Device)
        {
            return true;
        }

        pagemap.Device.JoinOwners();
        return pagemap.Device.Owner == Peers.Owner && Device.Machine == pagemap.Device.Machine;
    }

    /// <summary>Tells the checker of lock order that <see cref="Lock"/> is held, on a machine where that can matter.</summary>
    public LockChecker.Scope HoldForPeers() =>
        Device.Machine.HasPeers ? Device.Machine.Locks.Hold(LockClass.AddressSpace, this, "the VM's lock") : default;

    /// <summary>Drops every area, every range and all page-table entries; queues that still run on the VM fault from here on.</summary>
    public void Close()
    {
        _closed = true;
        SoftwareDevice[] peers;
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
            InvalidateTlb(AllTiles);
            while (Vmas.FirstOverlap(0, Size) is { } vma)
            {
                Vmas.Remove(vma);
                Forget(vma);
            }

            Userptrs.Dispose();
            peers = Peers.Leave();
        }

        foreach (SoftwareDevice peer in peers)
        {
            peer.Release();
        }
    }

    /// <summary>Lets go of what an area holds. It is in no tree, and its page-table entries are gone.</summary>
    public void Forget(Vma vma)
    {
        Userptrs.Release(vma);
        if (vma.Object is { } bufferObject)
        {
            bufferObject.Unlink(vma);
            bufferObject.Release();
        }
    }

    /// <summary>Drops a reference; the last one frees the page tables.</summary>
    public void Release()
    {
        if (_references.Drop())
        {
            Close();
            foreach (GpuPageTable pageTable in _pageTables)
            {
                pageTable.Dispose();
            }
        }
    }

    /// <summary>
    /// Whether entries get the bit for atomics (xe_atomic_for_vram, xe_atomic_for_system): always in VRAM; in system memory, if the device can do
    /// them there at all, where no fault could move the data, or where only the device does atomics.
    /// </summary>
    private bool AllowsAtomics(Vma vma, bool inVram) =>
        vma.Attributes.Atomic != AtomicPolicy.Cpu
        && (inVram
            || (Device.Profile.HasDeviceAtomicsOnSystemMemory
                && (!IsFaultMode || !Device.IsDiscrete || vma.Attributes.Atomic == AtomicPolicy.Device || vma.Object is { HasVramPlacement: false })));
}
