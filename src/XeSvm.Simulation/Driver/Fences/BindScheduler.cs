using XeSvm.Simulation.Driver.Ioctls;
using XeSvm.Simulation.Gpu;

namespace XeSvm.Simulation.Driver.Fences;

/// <summary>
/// When the page tables of a VM are written. A bind that has nothing to wait for is executed by the call itself; one that has is queued, and a
/// thread of the VM, which ends when the queue is empty, executes it: in order on one bind queue, and in order of submission where addresses
/// or the tables that are written overlap (the kernel's range fences). Under the VM lock unless said otherwise.
/// </summary>
internal sealed class BindScheduler(Vm vm)
{
    // Page tables are written by shallow code.
    private const int StackSize = 256 << 10;
    private const int UsualWaits = 8;

    private readonly List<Pending> _pending = [];
    private readonly Stack<Pending> _free = new();
    private readonly EventCount _work = new();
    private readonly EventCount _drained = new();
    private bool _threadRuns;

    /// <summary>Whether binds are queued.</summary>
    public bool HasPending => _pending.Count != 0;

    /// <summary>Whether a bind would have to wait behind what it is to wait for and what is queued.</summary>
    /// <param name="transaction">The bind.</param>
    /// <param name="queue">Its queue.</param>
    /// <param name="waits">What it waits for.</param>
    public bool MustQueue(VmBindTransaction transaction, BindQueue queue, List<DmaFence> waits)
    {
        bool waitsForFence = false;
        foreach (DmaFence fence in waits)
        {
            waitsForFence |= !fence.IsSignaled;
        }

        return waitsForFence || !queue.IsIdle || Overlaps(transaction);
    }

    /// <summary>Queues a bind whose areas are changed already; the scheduler ends its transaction.</summary>
    /// <param name="transaction">The bind.</param>
    /// <param name="fence">Signalled when the page tables are written.</param>
    /// <param name="waits">What it waits for, besides the binds before it on the queue and those that overlap.</param>
    /// <param name="userFence">Written afterwards.</param>
    public void Enqueue(VmBindTransaction transaction, in DmaFence fence, List<DmaFence> waits, in UserFence userFence)
    {
        Pending added = _free.TryPop(out Pending? free) ? free : new Pending(_work);
        added.Transaction = transaction;
        added.Fence = fence;
        added.UserFence = userFence;
        added.Waits.AddRange(waits);
        FenceInterval interval = _pending.Count == 0 ? FenceInterval.Empty : transaction.Interval;
        foreach (Pending before in _pending)
        {
            if (before.Fence.Timeline == fence.Timeline || before.Transaction!.Interval.Overlaps(interval))
            {
                added.Waits.Add(before.Fence);
            }
        }

        _pending.Add(added);
        _work.Wake();
    }

    /// <summary>Makes sure that there is a thread for a bind that is to be queued next; false when the system has none.</summary>
    public bool TryStartThread()
    {
        if (_threadRuns)
        {
            return true;
        }

        // Its first step waits for the VM lock, which is held here.
        _threadRuns = DriverThread.TryStart(new Thread(Run, StackSize) { Name = "xe bind queue" }, vm.Device.Options.Faults);
        return _threadRuns;
    }

    /// <summary>An area of a queued bind was cut: both pieces are to be bound.</summary>
    public void OnSplit(Vma vma, Vma piece)
    {
        foreach (Pending pending in _pending)
        {
            pending.Transaction!.OnSplit(vma, piece);
        }
    }

    /// <summary>Drops what is queued: its fences are signalled with an error, its user fences are not written. For a VM that is closed.</summary>
    public void CancelAll()
    {
        foreach (Pending pending in _pending)
        {
            pending.Waker.Cancel();
            pending.Fence.Timeline!.Complete(pending.Fence.Sequence, -Errno.ECANCELED);
            End(pending);
        }

        _pending.Clear();
        _work.Wake();
        _drained.Wake();
    }

    /// <summary>Waits until nothing is queued or the file is being closed. Without the VM lock.</summary>
    public void WaitUntilDrained(SoftwareFile file)
    {
        file.BlockedCalls.Add(_drained);
        while (true)
        {
            long generation = _drained.Generation;
            lock (vm.Lock)
            {
                if (_pending.Count == 0)
                {
                    break;
                }
            }

            if (file.IsClosing)
            {
                break;
            }

            _drained.Wait(generation, EventCount.Infinite);
        }

        file.BlockedCalls.Remove(_drained);
    }

    private bool Overlaps(VmBindTransaction transaction)
    {
        if (_pending.Count == 0)
        {
            return false;
        }

        FenceInterval interval = transaction.Interval;
        foreach (Pending pending in _pending)
        {
            if (pending.Transaction!.Interval.Overlaps(interval))
            {
                return true;
            }
        }

        return false;
    }

    private void Run()
    {
        while (true)
        {
            long generation = _work.Generation;
            lock (vm.Lock)
            {
                while (ExecuteOne())
                {
                    // What has been executed may be what others wait for.
                }

                if (_pending.Count == 0)
                {
                    _threadRuns = false;
                    _drained.Wake();
                    return;
                }
            }

            _work.Wait(generation, EventCount.Infinite);
        }
    }

    private bool ExecuteOne()
    {
        for (int i = 0; i < _pending.Count; i++)
        {
            Pending pending = _pending[i];
            if (!pending.IsReady())
            {
                continue;
            }

            _pending.RemoveAt(i);
            pending.Transaction!.WritePageTables();
            pending.Fence.Timeline!.Complete(pending.Fence.Sequence);
            pending.UserFence.SignalFromCpu(vm);
            End(pending);
            return true;
        }

        return false;
    }

    private void End(Pending pending)
    {
        pending.Transaction!.End();
        pending.Transaction = null;
        pending.UserFence = default;
        pending.Waits.Clear();
        _free.Push(pending);
    }

    private sealed class Pending(EventCount work)
    {
        public VmBindTransaction? Transaction { get; set; }

        public DmaFence Fence { get; set; }

        public UserFence UserFence { get; set; }

        public List<DmaFence> Waits { get; } = new(UsualWaits);

        public FenceWaker Waker { get; } = new(work);

        /// <summary>Whether nothing is left to wait for; if not, the next fence to wait for will wake the thread.</summary>
        public bool IsReady()
        {
            Waker.Cancel();
            while (Waits.Count != 0)
            {
                if (Waker.TryAdd(Waits[^1]))
                {
                    return false;
                }

                Waits.RemoveAt(Waits.Count - 1);
            }

            return true;
        }
    }
}
