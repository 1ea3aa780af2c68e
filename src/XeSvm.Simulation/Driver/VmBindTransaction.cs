using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Driver.Ioctls;
using XeSvm.Simulation.Gpu;
using XeSvm.Simulation.Memory;

namespace XeSvm.Simulation.Driver;

/// <summary>
/// The operations of one VM_BIND call: the areas change at once, operation by operation, so that each sees what the one before it did;
/// page tables change in <see cref="Commit"/>, or later in <see cref="WritePageTables"/>. <see cref="End"/> without a successful commit
/// leaves everything as it was. Ended objects are used again, so that a bind allocates nothing. Under the VM lock.
/// </summary>
internal sealed partial class VmBindTransaction(Vm vm)
{
    private readonly List<BufferObject?> _objects = [];
    private readonly List<(Vma Vma, bool Added)> _changes = [];
    private readonly List<(ulong Start, ulong End)> _zaps = [];
    private readonly List<(ulong Start, ulong End)> _remaps = [];
    private readonly List<Prefetch> _prefetches = [];
    private int _mirrorPrefetches;
    private int _pageTableOps;
    private bool _committed;

    /// <summary>Whether a prefetch of a mirror has moved less than all.</summary>
    public bool PrefetchFailed { get; private set; }

    /// <summary>Whether there is anything for the page tables; if not, the call only signals (vm_bind_ioctl_signal_fences).</summary>
    public bool HasPageTableWork => _pageTableOps != 0;

    /// <summary>
    /// Looks the buffer object of the next operation up, once for the whole call: a handle that another thread closes meanwhile, or that
    /// names another object by then, changes nothing.
    /// </summary>
    /// <returns>0, -ENOENT or -EINVAL.</returns>
    public int Resolve(SoftwareFile file, in drm_xe_vm_bind_op op)
    {
        // UNMAP_ALL names an object too; whatever else has none.
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
            case DrmXe.DRM_XE_VM_BIND_OP_MAP or DrmXe.DRM_XE_VM_BIND_OP_MAP_USERPTR:
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
            int allowed = CheckPrefetch(prefetch.Vma, prefetch.Region);
            if (allowed < 0)
            {
                return allowed;
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
        int validated = ValidateAdded();
        if (validated < 0)
        {
            return validated;
        }

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
            int result = RunPrefetch(prefetch, bind: !deferred);
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

    /// <summary>
    /// Gives every object that is to be bound a place (vm_bind_ioctl_ops_lock_and_prep). With several operations, and in a VM that needs all it
    /// has bound, objects of the VM itself stay where they are for it.
    /// </summary>
    private int ValidateAdded()
    {
        bool overcommits = _objects.Count <= 1 && vm.MayEvictItsOwn;
        foreach ((Vma vma, bool added) in _changes)
        {
            int result = added && vma.BindsOnCommit && vma.Object is { } bufferObject && vma.IsInTree ? bufferObject.Validate(overcommits ? null : vm) : 0;
            if (result < 0)
            {
                return result;
            }
        }

        // Its worker would have to bring back what went for it.
        return vm.IsPreemptMode ? vm.CheckEvicted() : 0;
    }

    /// <summary>Writes the page tables that <see cref="Commit"/> has left as they were.</summary>
    public void WritePageTables()
    {
        Zap(late: true);
        foreach (Prefetch prefetch in _prefetches)
        {
            if (prefetch.Vma.Kind != VmaKind.CpuAddressMirror)
            {
                // It has been moved by the call. What cannot be bound any more, the next access binds or finds out why not.
                _ = prefetch.Vma.IsInTree ? vm.BindVma(prefetch.Vma, vm.AllTiles) : 0;
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
                vm.Forget(vma);
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
        PrefetchFailed = false;
        vm.Prefetch?.Clear();
        vm.ReturnTransaction(this);
    }

    private void Zap(bool late)
    {
        uint zapped = 0;
        foreach ((ulong start, ulong end) in _zaps)
        {
            zapped |= vm.ZapPageTable(start, end);
            if (late)
            {
                // What a queued call comes late to may be a mirror by now, which is to know.
                vm.Svm?.ZapBindings(start, end);
            }
        }

        vm.InvalidateTlb(zapped);
        ForgetEntriesOfRemoved();
    }

    private void BindAdded()
    {
        foreach ((Vma vma, bool added) in _changes)
        {
            // In fault mode the next access brings what is right by then; elsewhere a later call that takes the area away waits for this one.
            bool stays = vm.IsFaultMode ? vma.IsInTree : vma.RemovedBy != this;
            if (added && vma.BindsOnCommit && stays)
            {
                vma.BindsOnCommit = false;

                // What cannot be had at this moment, after all, is had or found out by the access.
                vm.BindVma(vma, vm.AllTiles);
            }
        }
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

                // Its entries may be gone already: the next access brings them back.
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

    /// <summary>The page-table entries of what was removed are gone: whoever evicts an object must not clear what comes in their place.</summary>
    private void ForgetEntriesOfRemoved()
    {
        foreach ((Vma vma, bool added) in _changes)
        {
            if (added)
            {
                continue;
            }

            vm.Userptrs.Release(vma);
            if (vma.Object is { } bufferObject)
            {
                lock (bufferObject.Lock)
                {
                    vma.IsBound = false;
                }
            }
        }
    }
}
