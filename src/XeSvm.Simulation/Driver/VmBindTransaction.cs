using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Driver.Ioctls;
using XeSvm.Simulation.Gpu;
using XeSvm.Simulation.Memory;
using XeSvm.Simulation.Pagemap;

namespace XeSvm.Simulation.Driver;

/// <summary>
/// The operations of one VM_BIND call: the areas change at once, operation by operation, so that each sees what the one before it did;
/// page tables change in <see cref="Commit"/>, or later in <see cref="WritePageTables"/>. <see cref="End"/> without a successful commit
/// leaves everything as it was. Ended objects are used again, so that a bind allocates nothing. Under the VM lock.
/// </summary>
internal sealed class VmBindTransaction(Vm vm)
{
    private readonly List<BufferObject?> _objects = [];
    private readonly List<(Vma Vma, bool Added)> _changes = [];
    private readonly List<(ulong Start, ulong End)> _zaps = [];
    private readonly List<(ulong Start, ulong End)> _remaps = [];
    private readonly List<Prefetch> _prefetches = [];
    private int _mirrorPrefetches;
    private int _pageTableOps;
    private bool _committed;

    /// <summary>Whether there is anything for the page tables; if not, the call only signals (vm_bind_ioctl_signal_fences).</summary>
    public bool HasPageTableWork => _pageTableOps != 0;

    /// <summary>
    /// Looks the buffer object of the next operation up, once for the whole call: a handle that another thread closes meanwhile, or that
    /// names another object by then, changes nothing.
    /// </summary>
    /// <returns>0, -ENOENT or -EINVAL.</returns>
    public int Resolve(SoftwareFile file, in drm_xe_vm_bind_op op)
    {
        if (op.obj == 0)
        {
            _objects.Add(null);
            return 0;
        }

        if (!file.TryGetObject(op.obj, out BufferObject? bufferObject))
        {
            return -Errno.ENOENT;
        }

        _objects.Add(bufferObject);
        return VmBindChecks.CheckObject(file.Device.Profile, op, bufferObject);
    }

    /// <summary>Changes the areas as one operation asks.</summary>
    /// <param name="index">Its place in the call.</param>
    /// <param name="op">The operation, checked.</param>
    /// <returns>0, or a negative errno: the call has failed.</returns>
    public int Apply(int index, in drm_xe_vm_bind_op op)
    {
        BufferObject? bufferObject = _objects[index];
        ulong end = op.addr + op.range;
        switch (op.op)
        {
            case DrmXe.DRM_XE_VM_BIND_OP_MAP:
                return Map(op, bufferObject);
            case DrmXe.DRM_XE_VM_BIND_OP_UNMAP:
                return Clear(op.addr, end, byMirror: false);
            case DrmXe.DRM_XE_VM_BIND_OP_UNMAP_ALL:
                UnmapAll(bufferObject!);
                return 0;
            default:
                return CollectPrefetches(op.addr, end, op.prefetch_mem_region_instance);
        }
    }

    /// <summary>Checks what can only be checked once all operations have been applied.</summary>
    /// <returns>0, -EINVAL or -EBUSY: the call has failed.</returns>
    public int Check()
    {
        foreach (Prefetch prefetch in _prefetches)
        {
            if (!CanLiveIn(prefetch.Vma, prefetch.Region))
            {
                return -Errno.EINVAL;
            }
        }

        foreach ((Vma vma, bool added) in _changes)
        {
            // check_ufence: user space has to have seen the bind before it is undone.
            if (!added && !vma.UserFence.IsSignaled)
            {
                return -Errno.EBUSY;
            }
        }

        return 0;
    }

    /// <summary>Runs prefetches and writes page tables, or leaves the page tables to <see cref="WritePageTables"/>.</summary>
    /// <param name="deferred">Whether the page tables are left as they are. Prefetches of mirrors, which have their own, run in any case.</param>
    /// <returns>0, or a negative errno: the call has failed. That a prefetch moved nothing is no failure.</returns>
    public int Commit(bool deferred)
    {
        if (!deferred || _mirrorPrefetches != 0)
        {
            Zap(late: false);
        }

        foreach ((ulong start, ulong end) in _remaps)
        {
            vm.Svm!.Invalidate(start, end, MmuEvent.Migrate);
        }

        foreach (Prefetch prefetch in _prefetches)
        {
            int result = deferred && prefetch.Vma.Kind != VmaKind.CpuAddressMirror ? 0 : RunPrefetch(prefetch);
            if (result < 0)
            {
                return result;
            }
        }

        _committed = true;
        if (!deferred)
        {
            BindAdded();
        }

        return 0;
    }

    /// <summary>Writes the page tables that <see cref="Commit"/> has left as they were.</summary>
    public void WritePageTables()
    {
        Zap(late: true);
        foreach (Prefetch prefetch in _prefetches)
        {
            if (prefetch.Vma.Kind != VmaKind.CpuAddressMirror)
            {
                // What is left of a prefetch of an object is the mapping, which cannot fail.
                RunPrefetch(prefetch);
            }
        }

        BindAdded();
    }

    /// <summary>Remembers the user fence of the call on the areas that it has mapped or prefetched, but for mirrors.</summary>
    public void Remember(in DmaFence userFence)
    {
        foreach ((Vma vma, bool added) in _changes)
        {
            if (added && vma.Kind != VmaKind.CpuAddressMirror)
            {
                vma.UserFence = userFence;
            }
        }

        foreach (Prefetch prefetch in _prefetches)
        {
            if (prefetch.Vma.Kind != VmaKind.CpuAddressMirror)
            {
                prefetch.Vma.UserFence = userFence;
            }
        }
    }

    /// <summary>Whether two calls change page-table entries of the same addresses.</summary>
    public bool Overlaps(VmBindTransaction other)
    {
        foreach ((ulong start, ulong end) in _zaps)
        {
            if (other.Touches(start, end))
            {
                return true;
            }
        }

        foreach ((Vma vma, bool added) in _changes)
        {
            if (added && other.Touches(vma.Start, vma.End))
            {
                return true;
            }
        }

        foreach (Prefetch prefetch in _prefetches)
        {
            if (other.Touches(prefetch.Start, prefetch.End))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>An area was cut while this call is queued: what was to be bound as a whole is bound in two pieces.</summary>
    public void OnSplit(Vma vma, Vma piece)
    {
        if (_changes.Contains((vma, true)))
        {
            _changes.Add((piece, true));
        }
    }

    /// <summary>Ends the call: takes everything back unless it was committed, and is ready for the next one.</summary>
    public void End()
    {
        if (!_committed)
        {
            RollBack();
        }

        foreach ((Vma vma, bool added) in _changes)
        {
            if (added != _committed)
            {
                // Removed for good, or added in vain.
                vma.Object?.Release();
                vm.FreeVmas.Return(vma);
            }
        }

        foreach (BufferObject? bufferObject in _objects)
        {
            bufferObject?.Release();
        }

        _objects.Clear();
        _changes.Clear();
        _zaps.Clear();
        _remaps.Clear();
        _prefetches.Clear();
        _mirrorPrefetches = 0;
        _pageTableOps = 0;
        _committed = false;
        vm.Prefetch?.Clear();
        vm.ReturnTransaction(this);
    }

    private void Zap(bool late)
    {
        bool zapped = false;
        foreach ((ulong start, ulong end) in _zaps)
        {
            zapped |= vm.ZapPageTable(start, end);
            if (late)
            {
                // What a queued call comes late to may be a mirror by now, which is to know.
                vm.Svm?.ZapBindings(start, end);
            }
        }

        if (zapped)
        {
            vm.InvalidateTlb();
        }
    }

    private void BindAdded()
    {
        foreach ((Vma vma, bool added) in _changes)
        {
            // In fault mode the next access brings what is right by then; elsewhere a later call that takes the area away waits for this one.
            bool stays = vm.IsFaultMode ? IsInTree(vma) : vma.RemovedBy != this;
            if (added && vma.BindsOnCommit && stays)
            {
                vma.BindsOnCommit = false;
                vm.BindVma(vma);
            }
        }
    }

    private bool Touches(ulong start, ulong end)
    {
        foreach ((ulong zapStart, ulong zapEnd) in _zaps)
        {
            if (start < zapEnd && zapStart < end)
            {
                return true;
            }
        }

        foreach ((Vma vma, bool added) in _changes)
        {
            if (added && start < vma.End && vma.Start < end)
            {
                return true;
            }
        }

        foreach (Prefetch prefetch in _prefetches)
        {
            if (start < prefetch.End && prefetch.Start < end)
            {
                return true;
            }
        }

        return false;
    }

    private void RollBack()
    {
        for (int i = _changes.Count - 1; i >= 0; i--)
        {
            (Vma vma, bool added) = _changes[i];
            if (added)
            {
                vm.Vmas.Remove(vma);
            }
            else
            {
                vm.Vmas.Insert(vma);
                vma.RemovedBy = null;

                // The entries may be gone already. That happens only where the next access brings them back: what can fail so late is
                // the prefetch of a mirror, which only fault-mode VMs have.
                vma.IsBound &= !vm.IsFaultMode;
            }
        }

        foreach ((Vma vma, bool added) in _changes)
        {
            if (added && vma.Kind == VmaKind.CpuAddressMirror && _mirrorPrefetches != 0)
            {
                RemoveRangesOutsideMirrors(vma.Start, vma.End);
            }
        }
    }

    /// <summary>Removes the ranges that a prefetch made in an area that now never was.</summary>
    private void RemoveRangesOutsideMirrors(ulong start, ulong end)
    {
        ulong covered = start;
        for (Vma? vma = vm.Vmas.FirstOverlap(start, end); vma is not null; vma = NextOverlap(vma, end))
        {
            if (vma.Kind == VmaKind.CpuAddressMirror)
            {
                Remove(covered, vma.Start);
                covered = vma.End;
            }
        }

        Remove(covered, end);

        void Remove(ulong from, ulong to)
        {
            if (from < to)
            {
                vm.Svm!.RemoveRanges(from, to);
            }
        }
    }

    private int Map(in drm_xe_vm_bind_op op, BufferObject? bufferObject)
    {
        bool mirror = (op.flags & DrmXe.DRM_XE_VM_BIND_FLAG_CPU_ADDR_MIRROR) != 0;
        ulong start = op.addr;
        ulong end = op.addr + op.range;
        if (mirror)
        {
            WidenMirror(ref start, ref end);
        }

        ZapScratch(start, end);
        bool readOnly = (op.flags & DrmXe.DRM_XE_VM_BIND_FLAG_READONLY) != 0;
        int result = Clear(start, end, mirror, readOnly);
        if (result < 0)
        {
            return result;
        }

        Vma vma = vm.FreeVmas.Rent();
        vma.Start = start;
        vma.End = end;
        vma.Kind = mirror ? VmaKind.CpuAddressMirror : bufferObject is null ? VmaKind.Null : VmaKind.BufferObject;
        vma.IsReadOnly = readOnly;
        vma.IsAutoReset = (op.flags & DrmXe.DRM_XE_VM_BIND_FLAG_MADVISE_AUTORESET) != 0;
        vma.Object = bufferObject;
        vma.ObjectOffset = op.obj_offset;
        vma.Attributes = new VmaAttributes { PatIndex = op.pat_index };
        vma.IsBound = false;

        // A fault-mode VM defers page tables to the first fault, unless told otherwise; a mirror never has any of its own.
        vma.UserFence = default;
        vma.RemovedBy = null;
        vma.BindsOnCommit = !mirror && (!vm.IsFaultMode || (op.flags & DrmXe.DRM_XE_VM_BIND_FLAG_IMMEDIATE) != 0);
        Add(vma);

        // A deferred map on a VM with a scratch page is one too: the range is to fault instead of reading zeros.
        _pageTableOps += vma.BindsOnCommit || (!mirror && vm.HasScratchPage) ? 1 : 0;
        return 0;
    }

    /// <summary>Accesses to holes have left entries for the scratch page there.</summary>
    private void ZapScratch(ulong start, ulong end)
    {
        ulong hole = start;
        for (Vma? vma = vm.HasScratchPage ? vm.Vmas.FirstOverlap(start, end) : null; vma is not null; vma = NextOverlap(vma, end))
        {
            if (hole < vma.Start)
            {
                _zaps.Add((hole, vma.Start));
            }

            hole = vma.End;
        }

        if (hole < end && vm.HasScratchPage)
        {
            _zaps.Add((hole, end));
        }
    }

    /// <summary>Takes neighbouring mirror areas with default attributes into a new one (xe_vm_find_cpu_addr_mirror_vma_range).</summary>
    private void WidenMirror(ref ulong start, ref ulong end)
    {
        if (start >= PageConstants.PageSize && vm.Vmas.Find(start - 1) is { } below && IsDefaultMirror(below))
        {
            start = below.Start;
        }

        // The kernel probes one page from end + 1 on, and so also bridges a hole of exactly one page.
        if (vm.Vmas.FirstOverlap(end + 1, end + 1 + PageConstants.PageSize) is { } above && IsDefaultMirror(above))
        {
            end = above.End;
        }
    }

    private static bool IsDefaultMirror(Vma vma) => vma.Kind == VmaKind.CpuAddressMirror && vma.Attributes is
    {
        PreferredDevmemFd: (int)DrmXe.DRM_XE_PREFERRED_LOC_DEFAULT_DEVICE,
        MigrationPolicy: DrmXe.DRM_XE_MIGRATE_ALL_PAGES,
        Atomic: AtomicPolicy.Undefined,
    };

    /// <summary>Empties <c>[start, end)</c>: areas inside go, areas that stick out are cut (__drm_gpuvm_sm_unmap).</summary>
    private int Clear(ulong start, ulong end, bool byMirror, bool readOnly = false)
    {
        while (vm.Vmas.FirstOverlap(start, end) is { } vma)
        {
            ulong low = Math.Max(start, vma.Start);
            ulong high = Math.Min(end, vma.End);
            if (vma.Kind == VmaKind.CpuAddressMirror)
            {
                bool wholeReplaced = byMirror && low == vma.Start && high == vma.End;
                if (!wholeReplaced && vm.Svm!.HasRanges(low, high))
                {
                    return -Errno.EBUSY;
                }

                if (wholeReplaced && vma.IsReadOnly != readOnly)
                {
                    // Its ranges stay, but were mapped for another kind of access.
                    _remaps.Add((low, high));
                }
            }
            else
            {
                _zaps.Add((low, high));
                _pageTableOps++;
            }

            Remove(vma);
            if (vma.Start < low)
            {
                Add(vm.FreeVmas.RentPiece(vma, vma.Start, low));
            }

            if (high < vma.End)
            {
                Add(vm.FreeVmas.RentPiece(vma, high, vma.End));
            }
        }

        return 0;
    }

    private void UnmapAll(BufferObject bufferObject)
    {
        for (Vma? vma = vm.Vmas.FirstOverlap(0, vm.Size); vma is not null;)
        {
            Vma? next = vm.Vmas.FindAbove(vma.Start);
            if (ReferenceEquals(vma.Object, bufferObject))
            {
                _zaps.Add((vma.Start, vma.End));
                _pageTableOps++;
                Remove(vma);
            }

            vma = next;
        }
    }

    private int CollectPrefetches(ulong start, ulong end, uint region)
    {
        for (Vma? vma = vm.Vmas.FirstOverlap(start, end); vma is not null; vma = NextOverlap(vma, end))
        {
            var prefetch = new Prefetch(vma, Math.Max(start, vma.Start), Math.Min(end, vma.End), region);
            _prefetches.Add(prefetch);
            if (vma.Kind == VmaKind.CpuAddressMirror)
            {
                _mirrorPrefetches++;
                int result = CollectRanges(prefetch);
                if (result < 0)
                {
                    return result;
                }
            }

            _pageTableOps++;
        }

        return 0;
    }

    /// <summary>Whether a prefetch of an area to a region can do anything (xe_bo_migrate); mirrors go where they can.</summary>
    private static bool CanLiveIn(Vma vma, uint region) =>
        vma.Kind != VmaKind.BufferObject || region == MemoryRegions.ConsultMadvise || (vma.Object!.Placement >> (int)region & 1) != 0;

    private int CollectRanges(in Prefetch prefetch)
    {
        vm.Prefetch!.Clear();
        return vm.Prefetch.Collect(prefetch.Vma, prefetch.Start, prefetch.End, TargetOf(prefetch));
    }

    private DevicePagemap? TargetOf(in Prefetch prefetch) => prefetch.Region switch
    {
        MemoryRegions.SystemInstance => null,
        MemoryRegions.ConsultMadvise => vm.Device.Resolve(prefetch.Vma, vm.Device.PrimaryGt),
        _ => vm.Device.PagemapOf(vm.Device.PrimaryGt),
    };

    private int RunPrefetch(in Prefetch prefetch)
    {
        Vma vma = prefetch.Vma;
        if (!IsInTree(vma))
        {
            // A later operation of the call has replaced or cut the area; what is left of it is bound at the next access.
            return 0;
        }

        if (vma.Kind != VmaKind.CpuAddressMirror)
        {
            // Buffer objects stay where they were created; what is left of the operation is the mapping.
            vm.BindVma(vma);
            return 0;
        }

        // The ranges of a call's only prefetch are those that were found when it was applied.
        int result = _mirrorPrefetches == 1 ? 0 : CollectRanges(prefetch);
        return result < 0 ? result : vm.Prefetch!.Run(vma, TargetOf(prefetch));
    }

    private bool IsInTree(Vma vma) => ReferenceEquals(vm.Vmas.Find(vma.Start), vma);

    private Vma? NextOverlap(Vma vma, ulong end) => vm.Vmas.FindAbove(vma.Start) is { } next && next.Start < end ? next : null;

    private void Add(Vma vma)
    {
        vma.Object?.AddReference();
        vm.Vmas.Insert(vma);
        _changes.Add((vma, true));
    }

    private void Remove(Vma vma)
    {
        vm.Vmas.Remove(vma);
        vma.RemovedBy = this;
        _changes.Add((vma, false));
    }

    private readonly record struct Prefetch(Vma Vma, ulong Start, ulong End, uint Region);
}
