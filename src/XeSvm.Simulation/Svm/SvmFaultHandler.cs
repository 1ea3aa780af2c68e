using System.Diagnostics;

using XeSvm.Simulation.Driver;
using XeSvm.Simulation.Gpu;
using XeSvm.Simulation.Memory;
using XeSvm.Simulation.Pagemap;

namespace XeSvm.Simulation.Svm;

/// <summary>Resolves GPU faults on mirrored memory (xe_svm_handle_pagefault). Runs under the VM lock.</summary>
internal sealed class SvmFaultHandler(Vm vm, SvmMirror mirror)
{
    /// <summary>Attempts at migration when the access needs the data in VRAM, and when it does not.</summary>
    private const int AtomicMigrationBudget = 3;
    private const int OrdinaryMigrationBudget = 1;

    /// <summary>
    /// The kernel tries again without limit when pages cannot be had (xe_svm.c), and holds the VM meanwhile. A library must not: after
    /// this many passes the fault fails.
    /// </summary>
    private const int PassLimit = 1000;
    private const int ValidInRowLimit = 100;

    private ulong _lastValid = ulong.MaxValue;
    private int _validInRow;

    /// <summary>Resolves one fault.</summary>
    /// <param name="vma">The mirror area that contains the address.</param>
    /// <param name="gt">The GT that faulted.</param>
    /// <param name="address">The page.</param>
    /// <param name="access">What the engine wants to do.</param>
    /// <returns>0 when the access may be replayed, or a negative errno.</returns>
    public int Handle(Vma vma, Gt gt, ulong address, GpuAccess access)
    {
        while (true)
        {
            int needsVram = NeedsVram(vma, access);
            if (needsVram < 0)
            {
                return needsVram;
            }

            int result = HandleOnce(vma, gt, address, needsVram != 0);
            if (result != -Errno.EAGAIN)
            {
                return result;
            }

            // The garbage collector has changed the areas of the VM.
            if (vm.Vmas.Find(address) is not { Kind: VmaKind.CpuAddressMirror } again)
            {
                return -Errno.EINVAL;
            }

            vma = again;
        }
    }

    /// <summary>One call of the inner handler (__xe_svm_handle_pagefault); -EAGAIN when areas of the VM have changed.</summary>
    private int HandleOnce(Vma vma, Gt gt, ulong address, bool needsVram)
    {
        long begin = Stopwatch.GetTimestamp();
        gt.Statistics.Add(GtCounter.SvmPagefaultCount, 1);
        bool devmemOnly = needsVram && vm.Device.IsDiscrete;
        var fault = new Fault(vma, gt, address, devmemOnly)
        {
            Budget = devmemOnly ? AtomicMigrationBudget : OrdinaryMigrationBudget,
            Timeslice = devmemOnly ? vm.Device.AtomicTimeslice : TimeSpan.Zero,
        };
        Pass pass;
        do
        {
            pass = TryOnce(ref fault);
        }
        while (pass.IsRetry && ++fault.Passes < PassLimit);

        if (pass.IsRetry)
        {
            return -Errno.EFAULT;
        }

        if (pass.Result == 0)
        {
            gt.Statistics.AddMicroseconds(GtCounter.Svm4KPagefaultUs, fault.Size, Stopwatch.GetElapsedTime(begin));
        }

        return pass.Result;
    }

    private Pass TryOnce(ref Fault fault)
    {
        vm.Client.Settle();
        ulong block = fault.Address & ~PageConstants.BlockMask;
        vm.Client.Revalidate(block, block + PageConstants.BlockSize);
        if (mirror.CollectGarbage())
        {
            return Pass.End(-Errno.EAGAIN);
        }

        if (vm.IsClosed)
        {
            return Pass.End(-Errno.ENOENT);
        }

        GtStatistics statistics = fault.Gt.Statistics;
        bool devmemPossible = vm.Device.IsDiscrete;
        DevicePagemap? target = fault.DevmemOnly ? vm.Device.PagemapOf(fault.Gt) : vm.Device.Resolve(fault.Vma, fault.Gt);
        ulong threshold = devmemPossible ? PageConstants.Chunk64K : 0;
        int result = mirror.FindOrInsert(fault.Address, fault.Vma, threshold, devmemPossible, out SvmRange range);
        if (result < 0)
        {
            return Pass.End(result);
        }

        fault.Size = range.Size;
        statistics.AddSized(GtCounter.Svm4KPagefaultCount, range.Size, 1);
        if (fault.DevmemOnly && !range.MigrateDevmem)
        {
            return Pass.End(-Errno.EACCES);
        }

        // The place of the data is not looked at for ordinary faults: a valid range in system memory stays there.
        RangeState state = mirror.Examine(range, 1u << fault.Gt.TileId);
        if (state.Bound && (!fault.DevmemOnly || state.Pagemap == target))
        {
            return EndValid(fault, range);
        }

        if (--fault.Budget >= 0 && vm.Device.NeedsMigration(range, state, target))
        {
            result = Migrate(statistics, target!, range, fault.Timeslice);
            fault.DoubleTimeslice();
            if (result < 0 && !fault.DevmemOnly)
            {
                // Out of attempts now: the next pass leaves the range in system memory.
                return Pass.Retry;
            }

            if (result < 0 && fault.Budget <= 0)
            {
                return Pass.End(result);
            }
        }

        return GetPagesAndBind(ref fault, range, target);
    }

    /// <summary>The fault finds the range mapped already, by another engine's fault or a prefetch.</summary>
    private Pass EndValid(in Fault fault, SvmRange range)
    {
        fault.Gt.Statistics.AddSized(GtCounter.Svm4KValidPagefaultCount, range.Size, 1);
        if (!IsStuckAt(fault.Address))
        {
            return Pass.End(0);
        }

        // The mapping is there, and the access fails all the same: the memory behind it has changed without a message, as when a
        // mapped file was cut. Look at the pages anew.
        mirror.Invalidate(range.Start, range.End, MmuEvent.Migrate);
        return Pass.Retry;
    }

    /// <summary>Whether one page has been found valid too many times in a row for that to be queues that fault on it together.</summary>
    private bool IsStuckAt(ulong address)
    {
        if (address != _lastValid)
        {
            _lastValid = address;
            _validInRow = 0;
        }

        return ++_validInRow % ValidInRowLimit == 0;
    }

    private Pass GetPagesAndBind(ref Fault fault, SvmRange range, DevicePagemap? target)
    {
        GtStatistics statistics = fault.Gt.Statistics;
        long begin = Stopwatch.GetTimestamp();
        int result = mirror.GetPages(range, target is not null, fault.DevmemOnly, fault.Vma.IsReadOnly);
        if (result is -Errno.EOPNOTSUPP or -Errno.EFAULT or -Errno.EPERM && (fault.Budget > 0 || !fault.DevmemOnly))
        {
            fault.DoubleTimeslice();
            if (result == -Errno.EOPNOTSUPP)
            {
                DevicePagemap.EvictRange(vm.Client, range.Start, range.PageCount);
            }
            else if (result == -Errno.EFAULT)
            {
                vm.Client.ReportHoles(range.Start, range.End);
            }

            return Pass.Retry;
        }

        if (result < 0)
        {
            // As in the kernel the fault is acknowledged as served all the same: the GPU replays it and comes back here.
            return Pass.End(0);
        }

        statistics.AddMicroseconds(GtCounter.Svm4KGetPagesUs, range.Size, Stopwatch.GetElapsedTime(begin));
        begin = Stopwatch.GetTimestamp();
        result = mirror.Bind(range, fault.Gt.TileId, fault.Vma);
        statistics.AddMicroseconds(GtCounter.Svm4KBindUs, range.Size, Stopwatch.GetElapsedTime(begin));
        if (result != -Errno.EAGAIN)
        {
            return Pass.End(result);
        }

        fault.DoubleTimeslice();
        return Pass.Retry;
    }

    private int Migrate(GtStatistics statistics, DevicePagemap target, SvmRange range, TimeSpan timeslice)
    {
        statistics.AddSized(GtCounter.Svm4KMigrateCount, range.Size, 1);
        long begin = Stopwatch.GetTimestamp();
        int result = target.Migrate(vm.Client, range.Start, range.PageCount, timeslice);
        statistics.AddMicroseconds(GtCounter.Svm4KMigrateUs, range.Size, Stopwatch.GetElapsedTime(begin));
        return result;
    }

    /// <summary>Whether an access must find the data in VRAM (xe_vma_need_vram_for_atomic): 1, 0, or -EACCES.</summary>
    private int NeedsVram(Vma vma, GpuAccess access)
    {
        if (access != GpuAccess.Atomic || !vm.Device.IsDiscrete)
        {
            return 0;
        }

        return vma.Attributes.Atomic switch
        {
            AtomicPolicy.Device => vm.Device.Profile.HasDeviceAtomicsOnSystemMemory ? 0 : 1,
            AtomicPolicy.Cpu => -Errno.EACCES,
            _ => 1,
        };
    }

    /// <summary>How one pass of the handler ended.</summary>
    private readonly record struct Pass(bool IsRetry, int Result)
    {
        public static Pass Retry => new(true, 0);

        public static Pass End(int result) => new(false, result);
    }

    /// <summary>One fault across its passes.</summary>
    private struct Fault(Vma vma, Gt gt, ulong address, bool devmemOnly)
    {
        public readonly Vma Vma = vma;
        public readonly Gt Gt = gt;
        public readonly ulong Address = address;
        public readonly bool DevmemOnly = devmemOnly;
        public int Budget;
        public int Passes;
        public ulong Size;

        /// <summary>How long the next migration keeps the CPU out: a device that has lost its pages to the CPU gets more time for the next attempt.</summary>
        public TimeSpan Timeslice;

        public void DoubleTimeslice()
        {
            // No migration comes after the last attempt.
            if (Budget > 0)
            {
                Timeslice *= 2;
            }
        }
    }
}
