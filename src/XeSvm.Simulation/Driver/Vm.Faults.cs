using XeSvm.Simulation.Gpu;
using XeSvm.Simulation.Memory;
using XeSvm.Simulation.Peers.Locks;
using XeSvm.Simulation.Svm;

namespace XeSvm.Simulation.Driver;

/// <content>Faults of the engines (xe_pagefault.c), and misses of a VM that cannot fault.</content>
internal sealed unsafe partial class Vm
{
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
            using LockChecker.Scope held = HoldForPeers();
            int result = Serve(address, access, gt);
            if (result < 0)
            {
                RecordFault(address, access, gt);
            }

            return result;
        }
    }

    /// <summary>xe_pagefault_handle_vma and what comes before it. Under the VM lock.</summary>
    private int Serve(ulong address, GpuAccess access, Gt gt)
    {
        if (_closed)
        {
            return -Errno.ENOENT;
        }

        Vma? vma = Vmas.Find(address);
        if (vma is null || !IsFaultMode)
        {
            return HandleMiss(address, access, vma, gt);
        }

        if (vma.IsReadOnly && access != GpuAccess.Read)
        {
            return -Errno.EPERM;
        }

        return vma.Kind == VmaKind.CpuAddressMirror ? _svmFaults!.Handle(vma, gt, address, access) : BindOnFault(vma, address, gt, access);
    }

    /// <summary>
    /// A miss of a VM that cannot fault, or outside all areas. What eviction or the client has taken away comes back, as the kernel does it
    /// before the next job; outside all areas the scratch page answers when the VM has one, else the engine stops.
    /// </summary>
    private int HandleMiss(ulong address, GpuAccess access, Vma? vma, Gt gt)
    {
        if (TryTranslate(address, gt, out GpuPte pte))
        {
            // Allowed by now: a bind that replaced the mapping was between clearing the old entries and writing the new ones.
            return pte.Allows(access) ? 0 : -Errno.EINVAL;
        }

        // An area whose bind is queued is still a hole.
        if (vma is { BindsOnCommit: false } && vma.Kind != VmaKind.CpuAddressMirror)
        {
            int result = BindVma(vma, AllTiles);
            if (result < 0 && vma.Kind == VmaKind.BufferObject && IsPreemptMode)
            {
                Ban();
                return result;
            }

            if (result == 0 || !HasScratchPage)
            {
                return result;
            }
        }

        if (!HasScratchPage)
        {
            return -Errno.EINVAL;
        }

        MapPageTable(address, PageConstants.PageSize, s_scratch, 1u << gt.TileId);
        if (vma is not null)
        {
            vma.IsBound = true;
        }

        return 0;
    }

    /// <summary>Binds an area for the faulting tile at its first access (xe_pagefault_handle_vma).</summary>
    private int BindOnFault(Vma vma, ulong address, Gt gt, GpuAccess access)
    {
        gt.Statistics.Add(GtCounter.VmaPagefaultCount, 1);
        gt.Statistics.Add(GtCounter.VmaPagefaultKb, (long)(vma.Size >> 10));
        bool needsVram = false;
        if (access == GpuAccess.Atomic && Device.IsDiscrete)
        {
            int allowed = NeedsVramForAtomic(vma);
            if (allowed < 0)
            {
                return allowed;
            }

            needsVram = allowed > 0;
        }

        if (TryTranslate(address, gt, out GpuPte pte) && pte.Allows(access))
        {
            return 0;
        }

        if (vma.Kind == VmaKind.Userptr && needsVram)
        {
            return -Errno.EACCES;
        }

        if (vma.Object is { } bufferObject)
        {
            if (bufferObject.Purge != PurgeState.WillNeed)
            {
                return BindScratch(address, gt);
            }

            int moved = needsVram ? bufferObject.Migrate((uint)(MemoryRegions.FirstVramInstance + gt.TileId), keep: null) : 0;
            if (moved < 0)
            {
                return moved;
            }
        }

        return BindVma(vma, 1u << gt.TileId);
    }

    /// <summary>Memory that its owner has given up: the scratch page, or no access.</summary>
    private int BindScratch(ulong address, Gt gt)
    {
        if (!HasScratchPage)
        {
            return -Errno.EACCES;
        }

        MapPageTable(address, PageConstants.PageSize, s_scratch, 1u << gt.TileId);
        return 0;
    }

    /// <summary>Whether an atomic access must find an area's memory in VRAM (xe_vma_need_vram_for_atomic): 1, 0, or -EACCES.</summary>
    private int NeedsVramForAtomic(Vma vma) => vma.Attributes.Atomic switch
    {
        AtomicPolicy.Device => Device.Profile.HasDeviceAtomicsOnSystemMemory ? 0 : 1,
        AtomicPolicy.Cpu => -Errno.EACCES,
        _ => vma.Kind == VmaKind.Null ? 0 : 1,
    };

    private void RecordFault(ulong address, GpuAccess access, Gt gt)
    {
        lock (_pageTableLock)
        {
            GpuPageTable pageTable = PageTableOf(gt.TileId);
            bool present = pageTable.TryWalk(address, out GpuPte pte, out _);
            int level = present ? 0 : pageTable.MissLevel(address);
            int unused = 64 - pageTable.VaBits;
            FaultLog.Add(new VmFault((ulong)((long)(address << unused) >> unused), access, present && !pte.Allows(access), level));
        }
    }
}
