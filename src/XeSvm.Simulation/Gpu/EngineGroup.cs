using System.Diagnostics;

namespace XeSvm.Simulation.Gpu;

/// <summary>How the jobs of a queue go together with those of others on the engines of a group.</summary>
internal enum EngineGroupMode
{
    /// <summary>With all.</summary>
    Any,

    /// <summary>Signals fences that others wait for (EXEC_MODE_DMA_FENCE): never at the same time as jobs that may fault.</summary>
    DmaFence,

    /// <summary>May fault and so take any time (EXEC_MODE_LR): stops between commands while jobs run that signal fences.</summary>
    Fault,
}

/// <summary>
/// Engines of one GT that share hardware: render and compute, copy, video (xe_hw_engine_group). A job of a VM that cannot fault suspends those of
/// fault-mode VMs, which go on when no such job is left.
/// </summary>
internal sealed class EngineGroup(GtStatistics statistics)
{
    private readonly object _lock = new();
    private int _fenceJobs;
    private int _faultJobs;
    private volatile bool _suspends;

    /// <summary>Whether jobs that may fault have to stop at the next command.</summary>
    public bool Suspends => _suspends;

    /// <summary>Begins a job, or a slot of one, when the others let it: true; or false when the queue is to stop.</summary>
    public bool Begin(EngineGroupMode mode, StopRequest stop) => mode switch
    {
        EngineGroupMode.DmaFence => BeginFenceJob(stop),
        EngineGroupMode.Fault => BeginFaultJob(stop),
        _ => true,
    };

    /// <summary>Ends what <see cref="Begin"/> has begun.</summary>
    public void End(EngineGroupMode mode)
    {
        if (mode == EngineGroupMode.Any)
        {
            return;
        }

        lock (_lock)
        {
            if (mode == EngineGroupMode.DmaFence)
            {
                EndFenceJob();
            }
            else
            {
                _faultJobs--;
            }

            Monitor.PulseAll(_lock);
        }
    }

    /// <summary>A job that may fault steps aside until no other is left: true; or false when its queue is to stop.</summary>
    public bool Yield(StopRequest stop)
    {
        End(EngineGroupMode.Fault);
        if (BeginFaultJob(stop))
        {
            return true;
        }

        lock (_lock)
        {
            // The caller ends the job as if it had gone on.
            _faultJobs++;
        }

        return false;
    }

    /// <summary>Has those who wait look whether they are to stop.</summary>
    public void Wake()
    {
        lock (_lock)
        {
            Monitor.PulseAll(_lock);
        }
    }

    private bool BeginFenceJob(StopRequest stop)
    {
        lock (_lock)
        {
            _fenceJobs++;
            _suspends = true;
            if (_faultJobs == 0)
            {
                return true;
            }

            long start = Stopwatch.GetTimestamp();
            statistics.Add(GtCounter.HwEngineGroupSuspendLrQueueCount, _faultJobs);
            while (_faultJobs != 0)
            {
                if (stop.IsRequested)
                {
                    EndFenceJob();
                    return false;
                }

                Monitor.Wait(_lock);
            }

            statistics.Add(GtCounter.HwEngineGroupSuspendLrQueueUs, (long)Stopwatch.GetElapsedTime(start).TotalMicroseconds);
            return true;
        }
    }

    private bool BeginFaultJob(StopRequest stop)
    {
        lock (_lock)
        {
            if (_fenceJobs == 0)
            {
                _faultJobs++;
                return true;
            }

            long start = Stopwatch.GetTimestamp();
            statistics.Add(GtCounter.HwEngineGroupWaitDmaQueueCount, _fenceJobs);
            while (_fenceJobs != 0)
            {
                if (stop.IsRequested)
                {
                    return false;
                }

                Monitor.Wait(_lock);
            }

            statistics.Add(GtCounter.HwEngineGroupWaitDmaQueueUs, (long)Stopwatch.GetElapsedTime(start).TotalMicroseconds);
            _faultJobs++;
            return true;
        }
    }

    private void EndFenceJob()
    {
        _fenceJobs--;
        _suspends = _fenceJobs != 0;
        Monitor.PulseAll(_lock);
    }
}
