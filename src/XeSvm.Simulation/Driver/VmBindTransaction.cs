using XeSvm.Interop.Uapi;
using XeSvm.Simulation.Pagemap;

namespace XeSvm.Simulation.Driver;

/// <summary>
/// The operations of one VM_BIND call: the areas change at once, operation by operation, so that each sees what the one before it did;
/// page tables change in <see cref="Commit"/>. Disposed without commit, everything is as it was. Under the VM lock.
/// </summary>
internal sealed class VmBindTransaction(Vm vm) : IDisposable
{
    private readonly List<(Vma Vma, bool Added)> _changes = [];
    private readonly List<(ulong Start, ulong End)> _zaps = [];
    private readonly List<Vma> _binds = [];
    private readonly List<Prefetch> _prefetches = [];
    private bool _committed;

    /// <summary>Changes the areas as one operation asks.</summary>
    public int Apply(SoftwareFile file, in drm_xe_vm_bind_op op)
    {
        ulong end = op.addr + op.range;
        switch (op.op)
        {
            case DrmXe.DRM_XE_VM_BIND_OP_MAP:
                return Map(file, op);
            case DrmXe.DRM_XE_VM_BIND_OP_UNMAP:
                return Clear(op.addr, end, byMirror: false);
            case DrmXe.DRM_XE_VM_BIND_OP_UNMAP_ALL:
                return UnmapAll(file, op.obj);
            default:
                return CollectPrefetch(op.addr, end, op.prefetch_mem_region_instance);
        }
    }

    /// <summary>Writes page tables and runs prefetches. From here on there is no way back; a failed prefetch is not an error.</summary>
    public int Commit()
    {
        _committed = true;
        bool zapped = false;
        foreach ((ulong start, ulong end) in _zaps)
        {
            zapped |= vm.ZapPageTable(start, end);
        }

        if (zapped)
        {
            vm.InvalidateTlb();
        }

        foreach ((Vma vma, bool added) in _changes)
        {
            if (!added)
            {
                vma.Object?.Release();
            }
        }

        foreach (Vma vma in _binds)
        {
            if (ReferenceEquals(vm.Vmas.Find(vma.Start), vma))
            {
                vm.BindVma(vma);
            }
        }

        foreach (Prefetch prefetch in _prefetches)
        {
            int result = RunPrefetch(prefetch);
            if (result < 0)
            {
                return result;
            }
        }

        return 0;
    }

    /// <summary>Takes everything back unless it was committed.</summary>
    public void Dispose()
    {
        if (_committed)
        {
            return;
        }

        for (int i = _changes.Count - 1; i >= 0; i--)
        {
            (Vma vma, bool added) = _changes[i];
            if (added)
            {
                vm.Vmas.Remove(vma);
                vma.Object?.Release();
            }
            else
            {
                vm.Vmas.Insert(vma);
            }
        }
    }

    private int Map(SoftwareFile file, in drm_xe_vm_bind_op op)
    {
        BufferObject? bufferObject = null;
        if (op.obj != 0 && !file.Handles.TryGet(op.obj, out bufferObject))
        {
            return -Errno.ENOENT;
        }

        bool mirror = (op.flags & DrmXe.DRM_XE_VM_BIND_FLAG_CPU_ADDR_MIRROR) != 0;
        ulong start = op.addr;
        ulong end = op.addr + op.range;
        if (mirror)
        {
            WidenMirror(ref start, ref end);
        }

        int result = Clear(start, end, mirror);
        if (result < 0)
        {
            return result;
        }

        var vma = new Vma
        {
            Start = start,
            End = end,
            Kind = mirror ? VmaKind.CpuAddressMirror : bufferObject is null ? VmaKind.Null : VmaKind.BufferObject,
            IsReadOnly = (op.flags & DrmXe.DRM_XE_VM_BIND_FLAG_READONLY) != 0,
            IsAutoReset = (op.flags & DrmXe.DRM_XE_VM_BIND_FLAG_MADVISE_AUTORESET) != 0,
            Object = bufferObject,
            ObjectOffset = op.obj_offset,
            Attributes = new VmaAttributes { PatIndex = op.pat_index },
        };
        Add(vma);

        // A fault-mode VM defers page tables to the first fault, unless told otherwise; a mirror never has any of its own.
        if (!mirror && (!vm.IsFaultMode || (op.flags & DrmXe.DRM_XE_VM_BIND_FLAG_IMMEDIATE) != 0))
        {
            _binds.Add(vma);
        }

        return 0;
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

    private static bool IsDefaultMirror(Vma vma) => vma.Kind == VmaKind.CpuAddressMirror
        && vma.Attributes is { PreferredDevmemFd: (int)DrmXe.DRM_XE_PREFERRED_LOC_DEFAULT_DEVICE, Atomic: AtomicPolicy.Undefined };

    /// <summary>Empties <c>[start, end)</c>: areas inside go, areas that stick out are cut (__drm_gpuvm_sm_unmap).</summary>
    private int Clear(ulong start, ulong end, bool byMirror)
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
            }
            else
            {
                _zaps.Add((low, high));
            }

            Remove(vma);
            if (vma.Start < low)
            {
                Add(vma.Piece(vma.Start, low));
            }

            if (high < vma.End)
            {
                Add(vma.Piece(high, vma.End));
            }
        }

        return 0;
    }

    private int UnmapAll(SoftwareFile file, uint handle)
    {
        if (!file.Handles.TryGet(handle, out BufferObject? bufferObject))
        {
            return -Errno.ENOENT;
        }

        for (Vma? vma = vm.Vmas.FirstOverlap(0, vm.Size); vma is not null;)
        {
            Vma? next = vm.Vmas.FindAbove(vma.Start);
            if (ReferenceEquals(vma.Object, bufferObject))
            {
                _zaps.Add((vma.Start, vma.End));
                Remove(vma);
            }

            vma = next;
        }

        return 0;
    }

    private int CollectPrefetch(ulong start, ulong end, uint region)
    {
        for (Vma? vma = vm.Vmas.FirstOverlap(start, end); vma is not null; vma = NextOverlap(vma, end))
        {
            if (vma.Kind == VmaKind.BufferObject && region != MemoryRegions.ConsultMadvise && (vma.Object!.Placement >> (int)region & 1) == 0)
            {
                return -Errno.EINVAL;
            }

            _prefetches.Add(new Prefetch(vma, Math.Max(start, vma.Start), Math.Min(end, vma.End), region));
        }

        return 0;
    }

    private int RunPrefetch(in Prefetch prefetch)
    {
        Vma vma = prefetch.Vma;
        if (vma.Kind != VmaKind.CpuAddressMirror)
        {
            // Buffer objects stay where they were created; what is left of the operation is the mapping.
            vm.BindVma(vma);
            return 0;
        }

        DevicePagemap? target = prefetch.Region switch
        {
            MemoryRegions.SystemInstance => null,
            MemoryRegions.ConsultMadvise => vm.Device.Resolve(vma, vm.Device.PrimaryGt),
            _ => vm.Device.PagemapOf(vm.Device.PrimaryGt),
        };
        int result = vm.Prefetch!.Collect(vma, prefetch.Start, prefetch.End, target);
        if (result < 0)
        {
            vm.Prefetch.Clear();
            return result;
        }

        return vm.Prefetch.Run(vma, target);
    }

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
        _changes.Add((vma, false));
    }

    private readonly record struct Prefetch(Vma Vma, ulong Start, ulong End, uint Region);
}
