using XeSvm.Interop.Uapi;

namespace XeSvm.Simulation.Driver;

/// <content>How operations change the areas of the VM.</content>
internal sealed partial class VmBindTransaction
{
    private int Map(in drm_xe_vm_bind_op op, BufferObject? bufferObject)
    {
        if (bufferObject is not null && bufferObject.Purge != PurgeState.WillNeed)
        {
            return bufferObject.Purge == PurgeState.DontNeed ? -Errno.EBUSY : -Errno.EINVAL;
        }

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
        vma.Vm = vm;
        vma.Kind = op.op == DrmXe.DRM_XE_VM_BIND_OP_MAP_USERPTR ? VmaKind.Userptr
            : mirror ? VmaKind.CpuAddressMirror
            : bufferObject is null ? VmaKind.Null : VmaKind.BufferObject;
        vma.UserptrClient = vma.Kind == VmaKind.Userptr ? IoctlCaller.Current?.Memory : null;
        vma.IsDumpable = (op.flags & DrmXe.DRM_XE_VM_BIND_FLAG_DUMPABLE) != 0;
        vma.DefaultPatIndex = op.pat_index;
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

        // Looked up at once, whatever the mode, so that bad memory fails the call.
        return vma.Kind == VmaKind.Userptr ? vm.Userptrs.Pin(vma) : 0;
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

    private static bool IsDefaultMirror(Vma vma) => vma.Kind == VmaKind.CpuAddressMirror && vma.HasDefaultAttributes;

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
                AddPiece(vma, vma.Start, low);
            }

            if (high < vma.End)
            {
                AddPiece(vma, high, vma.End);
            }

            if (low == start && high == end)
            {
                // It was all that there was.
                break;
            }
        }

        return 0;
    }

    private void AddPiece(Vma whole, ulong start, ulong end)
    {
        Vma piece = vm.FreeVmas.RentPiece(whole, start, end);
        if (piece.Kind == VmaKind.Userptr)
        {
            // Pinned and bound anew, as the notifier's range was the whole area's.
            _zaps.Add((start, end));
            piece.BindsOnCommit = !vm.IsFaultMode || whole.IsBound;
        }

        Add(piece);
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

    private Vma? NextOverlap(Vma vma, ulong end) => vm.Vmas.FindAbove(vma.Start) is { } next && next.Start < end ? next : null;

    private void Add(Vma vma)
    {
        if (vma.Object is { } bufferObject)
        {
            bufferObject.AddReference();
            bufferObject.Link(vma);
        }

        vm.Vmas.Insert(vma);
        _changes.Add((vma, true));
    }

    private void Remove(Vma vma)
    {
        vm.Vmas.Remove(vma);
        vma.RemovedBy = this;
        _changes.Add((vma, false));
    }
}
