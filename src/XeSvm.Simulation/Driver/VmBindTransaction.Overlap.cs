namespace XeSvm.Simulation.Driver;

/// <content>What a call that has to wait would write: how large its batch is, and which calls must be done in order.</content>
internal sealed partial class VmBindTransaction
{
    // kernel_bb_pool has 1 MiB, of which 4 KiB guard its end (xe_sa_bo_manager_init), and a batch is followed by 4 KiB for the command
    // streamer to prefetch and ends in one more dword (xe_bb_new).
    private const ulong MostBatchBytes = (1 << 20) - (4 << 10) - (4 << 10);
    private const ulong DwordSize = 4;
    private const ulong FixedDwords = 2 + 1;

    /// <summary>
    /// The addresses whose order matters, from the lowest to the highest of all operations (xe_pt_update_ops_rfence_interval): each operation's
    /// own, widened to what an entry covers in the highest table that it writes to. Two calls into a hole both have to make the table.
    /// </summary>
    public FenceInterval Interval
    {
        get
        {
            FenceInterval interval = FenceInterval.Empty;
            foreach ((ulong start, ulong end) in _zaps)
            {
                interval.Add(start, end, vm.PlanClear(start, end, start).Level);
            }

            foreach ((Vma vma, bool added) in _changes)
            {
                if (added)
                {
                    interval.Add(vma.Start, vma.End, vma.BindsOnCommit ? vm.PlanMap(vma.Start, vma.End, vma.Start).Level : 0);
                }
            }

            foreach (Prefetch prefetch in _prefetches)
            {
                bool binds = prefetch.Vma.Kind != VmaKind.CpuAddressMirror;
                interval.Add(prefetch.Start, prefetch.End, binds ? vm.PlanMap(prefetch.Start, prefetch.End, prefetch.Start).Level : 0);
            }

            return interval;
        }
    }

    /// <summary>
    /// Whether the batch that would write the page tables has a place in its pool; if not, the call is refused with ENOBUFS, so that user space
    /// splits it (__xe_sa_bo_new). Only a call that waits needs a batch: otherwise the CPU writes.
    /// </summary>
    public bool FitsBatch()
    {
        ulong dwords = FixedDwords;
        ulong runStart = 0;
        ulong runEnd = 0;
        foreach ((ulong start, ulong end) in _zaps)
        {
            dwords += vm.PlanClear(start, end, Extend(start, end)).Dwords;
        }

        runEnd = 0;
        foreach ((Vma vma, bool added) in _changes)
        {
            if (added && vma.BindsOnCommit)
            {
                dwords += vm.PlanMap(vma.Start, vma.End, Extend(vma.Start, vma.End)).Dwords;
            }
        }

        return dwords * DwordSize <= MostBatchBytes;

        // Operations that follow each other in the address space share tables.
        ulong Extend(ulong start, ulong end)
        {
            runStart = start == runEnd ? runStart : start;
            runEnd = end;
            return runStart;
        }
    }

    /// <summary>An area was cut while this call is queued: what was to be bound as a whole is bound in two pieces.</summary>
    public void OnSplit(Vma vma, Vma piece)
    {
        if (_changes.Contains((vma, true)))
        {
            _changes.Add((piece, true));
        }
    }
}
