using XeSvm.Simulation.Gpu;

namespace XeSvm.Simulation.Driver;

/// <content>The queues that keep the VM, and their work.</content>
internal sealed unsafe partial class Vm
{
    /// <summary>A queue comes and keeps this VM; false when the VM is closed.</summary>
    /// <param name="runsWork">It is on an engine, not for binds.</param>
    public bool TryAddQueue(bool runsWork)
    {
        lock (Lock)
        {
            if (_closed)
            {
                return false;
            }

            _references.Add();
        }

        if (runsWork && IsPreemptMode)
        {
            Interlocked.Increment(ref _preemptQueues);
        }

        return true;
    }

    /// <summary>A queue is gone.</summary>
    /// <param name="runsWork">As it was added.</param>
    public void RemoveQueue(bool runsWork)
    {
        if (runsWork && IsPreemptMode)
        {
            Interlocked.Decrement(ref _preemptQueues);
        }

        Release();
    }

    /// <summary>A queue runs work of this VM from now on.</summary>
    public void Add(XeExecQueue queue)
    {
        lock (_workQueues)
        {
            _workQueues.Add(queue);
        }
    }

    /// <summary>A queue runs no more work.</summary>
    public void Remove(XeExecQueue queue)
    {
        lock (_workQueues)
        {
            _workQueues.Remove(queue);
        }
    }

    /// <summary>
    /// Gives the VM up, as the worker of a preempt VM that cannot bring back what eviction has taken away does (xe_vm_kill): its queues are banned, and
    /// binds, advice and jobs are refused from here on.
    /// </summary>
    private void Ban()
    {
        _closed = true;
        lock (_workQueues)
        {
            _workQueues.ForEach(queue => queue.Ban());
        }
    }

    /// <summary>Waits until every job that has been submitted so far is done, as a wait for the VM's reservation object does. Not from a queue's thread.</summary>
    public void WaitForWork()
    {
        var done = new EventCount();
        List<DmaFence> fences = [];
        lock (_workQueues)
        {
            fences.AddRange(_workQueues.Select(queue => queue.LastFence));
        }

        foreach (DmaFence fence in fences)
        {
            var waker = new FenceWaker(done);
            if (waker.TryAdd(fence))
            {
                for (long generation = done.Generation; !fence.IsSignaled; generation = done.Generation)
                {
                    done.Wait(generation, EventCount.Infinite);
                }

                waker.Cancel();
            }
        }
    }
}
