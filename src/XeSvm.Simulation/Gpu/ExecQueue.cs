using XeSvm.Simulation.Driver;

namespace XeSvm.Simulation.Gpu;

/// <summary>
/// An exec queue: jobs run one after the other on a thread of the queue's own, which the first submission starts. A job waits for its
/// in-fences, runs its batches, those of all slots at the same time, writes its user fence, signals its fence and wakes the waiters. A batch that fails bans the
/// queue for good (xe_exec_queue.c).
/// </summary>
internal sealed class ExecQueue
{
    /// <summary>Jobs that may be outstanding (XE_MAX_JOB_COUNT_PER_EXEC_QUEUE).</summary>
    public const int MaxOutstandingJobs = 1000;

    // Room for the fault handler; thousands of queues may exist.
    private const int StackSize = 1 << 20;

    private readonly MonitorLock _lock = new();
    private readonly EventCount _work = new();
    private readonly EventCount _progress = new();
    private readonly StopRequest _stop = new();
    private readonly GpuAddressSpace _space;
    private readonly UserFenceWaiters _waiters;
    private readonly IExecQueueOwner? _owner;
    private readonly ExecJobRing _jobs;
    private readonly string _threadName;
    private readonly FenceWaker _dependency;
    private readonly EngineGroup _group;
    private readonly ParallelSlot[] _slots;
    private Thread? _thread;
    private int _slotResult;
    private BatchError _slotError;
    private bool _slotWasStopped;
    private long _submitted;
    private volatile bool _banned;
    private volatile bool _timedOut;

    /// <param name="name">Names the thread.</param>
    /// <param name="engine">The engine that executes; of a parallel queue, the first.</param>
    /// <param name="width">Batches per job, 1 or more.</param>
    /// <param name="space">The VM.</param>
    /// <param name="waiters">Woken when a job is done and when the queue is banned or killed.</param>
    /// <param name="owner">Hears of jobs and errors.</param>
    public ExecQueue(string name, Engine engine, int width, GpuAddressSpace space, UserFenceWaiters waiters, IExecQueueOwner? owner)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        _threadName = name;
        Engine = engine;
        Width = width;
        _space = space;
        _waiters = waiters;
        _owner = owner;
        _jobs = new ExecJobRing(width, MaxOutstandingJobs);
        _dependency = new FenceWaker(_work);
        _group = engine.Gt.GroupOf(engine.Class);
        _slots = new ParallelSlot[width - 1];
    }

    /// <summary>The engine that executes.</summary>
    public Engine Engine { get; }

    /// <summary>Batches per job.</summary>
    public int Width { get; }

    /// <summary>How long a job may run before the queue is banned; without end unless set.</summary>
    public TimeSpan JobTimeout { get; init; } = Timeout.InfiniteTimeSpan;

    /// <summary>May keep the queue from getting its threads.</summary>
    public FaultInjector? Faults { get; init; }

    /// <summary>How jobs go together with those of other queues on engines that share hardware.</summary>
    public EngineGroupMode Mode { get; init; }

    /// <summary>Whether a batch failed or the queue was killed: DRM_XE_EXEC_QUEUE_GET_PROPERTY_BAN.</summary>
    public bool IsBanned => _banned;

    /// <summary>Jobs submitted, and the sequence number of the last.</summary>
    public long Submitted => Volatile.Read(ref _submitted);

    /// <summary>Jobs done; every job up to this sequence number.</summary>
    public long Completed => Timeline.Completed;

    /// <summary>The fences of the jobs, by sequence number.</summary>
    public FenceTimeline Timeline { get; } = new();

    /// <summary>Whether another job can be submitted.</summary>
    public bool HasRoom => Submitted - Completed < MaxOutstandingJobs;

    /// <summary>Whether no job is outstanding.</summary>
    public bool IsIdle => Completed == Submitted;

    /// <summary>
    /// Appends a job: 0; -ECANCELED when the queue is banned; -EAGAIN when <see cref="MaxOutstandingJobs"/> are outstanding
    /// (<see cref="WaitForSpace"/>); -EINVAL when there is not one batch per slot; -ENOMEM when the system has no thread for the queue.
    /// </summary>
    /// <param name="batches">GPU addresses of the batches, <see cref="Width"/> of them.</param>
    /// <param name="fence">Written after the batches have ended.</param>
    /// <param name="sequence">The job's sequence number, from 1.</param>
    public int Submit(ReadOnlySpan<ulong> batches, UserFenceWrite? fence, out long sequence) => Submit(batches, fence, [], taker: null, out sequence);

    /// <summary>As <see cref="Submit(ReadOnlySpan{ulong}, UserFenceWrite?, out long)"/>, with fences to wait for first.</summary>
    /// <param name="batches">GPU addresses of the batches, <see cref="Width"/> of them.</param>
    /// <param name="fence">Written after the batches have ended.</param>
    /// <param name="waits">The job runs when all of them are signalled, be it with an error.</param>
    /// <param name="taker">Gets the job's fence before the job can run, if it is submitted.</param>
    /// <param name="sequence">The job's sequence number, from 1.</param>
    public int Submit(ReadOnlySpan<ulong> batches, UserFenceWrite? fence, ReadOnlySpan<DmaFence> waits, IJobFenceTaker? taker, out long sequence)
    {
        sequence = 0;
        if (batches.Length != Width)
        {
            return -Errno.EINVAL;
        }

        lock (_lock)
        {
            if (_banned)
            {
                return -Errno.ECANCELED;
            }

            int outstanding = (int)(_submitted - Completed);
            if (outstanding >= MaxOutstandingJobs)
            {
                return -Errno.EAGAIN;
            }

            if (_thread is null && !TryStartThread())
            {
                return -Errno.ENOMEM;
            }

            sequence = _submitted + 1;
            _jobs.Put(sequence, outstanding, batches, fence, waits);
            taker?.Take(new DmaFence(Timeline, sequence));
            Volatile.Write(ref _submitted, sequence);
        }

        _work.Wake();
        return 0;
    }

    /// <summary>Waits until another job can be submitted, or the queue is banned: true; or the deadline has passed: false.</summary>
    /// <param name="deadline">As <see cref="EventCount.Wait"/> takes it.</param>
    public bool WaitForSpace(long deadline) => WaitForProgress(MaxOutstandingJobs - 1, deadline);

    /// <summary>Waits until no job is outstanding: true; or the deadline has passed: false. Not from the queue's own thread.</summary>
    /// <param name="deadline">As <see cref="EventCount.Wait"/> takes it.</param>
    public bool WaitIdle(long deadline) => WaitForProgress(0, deadline);

    /// <summary>
    /// Stops the batch that runs, drops the jobs that wait, and, unless called from the queue's own thread, waits for the thread to end. The
    /// caller holds no lock that the fault handler or the owner takes.
    /// </summary>
    public void Kill()
    {
        Thread? thread;
        lock (_lock)
        {
            _banned = true;
            RequestStop();
            thread = _thread;
        }

        _work.Wake();
        if (thread is not null && thread != Thread.CurrentThread)
        {
            thread.Join();
        }

        _waiters.Wake();
    }

    /// <summary>As <see cref="Kill"/>, but waits for nothing: from any thread, and with locks that the fault handler takes.</summary>
    public void Ban()
    {
        lock (_lock)
        {
            _banned = true;
            RequestStop();
        }

        _work.Wake();
        _waiters.Wake();
    }

    private bool TryStartThread()
    {
        var thread = new Thread(Execute, StackSize) { Name = _threadName };
        int started = 0;
        while (started < _slots.Length)
        {
            var slot = new ParallelSlot(_threadName, StackSize, ExecuteSlot);
            if (!slot.TryStart(Faults))
            {
                break;
            }

            _slots[started++] = slot;
        }

        if (started == _slots.Length && DriverThread.TryStart(thread, Faults))
        {
            _thread = thread;
            return true;
        }

        foreach (ParallelSlot slot in _slots.AsSpan(0, started))
        {
            slot.Close();
        }

        return false;
    }

    private bool WaitForProgress(int outstanding, long deadline)
    {
        while (true)
        {
            long generation = _progress.Generation;
            if (Submitted - Completed <= outstanding)
            {
                return true;
            }

            if (!_progress.Wait(generation, deadline))
            {
                return Submitted - Completed <= outstanding;
            }
        }
    }

    private void Execute()
    {
        using JobTimer? timer = JobTimeout == Timeout.InfiniteTimeSpan ? null : new JobTimer(JobTimeout, OnTimeout);
        GpuAccessSlot slot = _space.Gate.Register();
        CommandStreamer streamer = CreateStreamer(slot, out GpuMemoryView memory);
        ulong[] batches = new ulong[Width];
        var waits = new List<DmaFence>();
        int result = 0;
        while (result == 0)
        {
            long generation = _work.Generation;
            if (_stop.IsRequested)
            {
                break;
            }

            if (IsIdle)
            {
                _work.Wait(generation, EventCount.Infinite);
                continue;
            }

            UserFenceWrite? fence;
            lock (_lock)
            {
                long sequence = Completed + 1;
                _jobs.TakeWaits(sequence, waits);
                _jobs.Get(sequence, batches, out fence);
            }

            WaitForFences(waits);
            if (_stop.IsRequested)
            {
                break;
            }

            if (!_group.Begin(Mode, _stop))
            {
                break;
            }

            timer?.Start();
            result = RunJob(streamer, memory, batches, fence);
            timer?.Stop();
            _group.End(Mode);
            if (result == 0)
            {
                Complete(0);
            }
        }

        foreach (ParallelSlot parallel in _slots)
        {
            parallel.Close();
        }

        _space.Gate.Unregister(slot);
        DropJobs(result);
    }

    private CommandStreamer CreateStreamer(GpuAccessSlot slot, out GpuMemoryView memory)
    {
        memory = new GpuMemoryView(_space, slot, Engine.Gt, _stop);
        return new CommandStreamer(memory, Engine.Class, _stop, _waiters, Mode == EngineGroupMode.Fault ? _group : null);
    }

    /// <summary>What the thread of a slot above the first does.</summary>
    private void ExecuteSlot(ParallelSlot slot)
    {
        GpuAccessSlot access = _space.Gate.Register();
        CommandStreamer streamer = CreateStreamer(access, out _);
        while (slot.TryTake(out ulong batch))
        {
            // The job's group stands for all slots where it signals fences; where it may fault, each slot steps aside by itself.
            bool faults = Mode == EngineGroupMode.Fault;
            if (!faults || _group.Begin(Mode, _stop))
            {
                int result = streamer.Run(batch);
                if (faults)
                {
                    _group.End(Mode);
                }

                if (result < 0)
                {
                    FailSlot(result, streamer.LastError);
                }
            }

            slot.Finish();
        }

        _space.Gate.Unregister(access);
    }

    /// <summary>A batch of a job has failed: the others of the job end too.</summary>
    private void FailSlot(int result, in BatchError error)
    {
        lock (_lock)
        {
            if (_slotResult == 0)
            {
                _slotResult = result;
                _slotError = error;
                _slotWasStopped = _stop.IsRequested;
            }

            RequestStop();
        }
    }

    /// <summary>Under the lock, so that it is known what was before.</summary>
    private void RequestStop()
    {
        _stop.Request();
        _group.Wake();
    }

    private void OnTimeout()
    {
        lock (_lock)
        {
            _banned = true;
            _timedOut = true;
            RequestStop();
        }
    }

    /// <summary>Waits until all fences are signalled, or the queue is asked to stop.</summary>
    private void WaitForFences(List<DmaFence> fences)
    {
        foreach (DmaFence fence in fences)
        {
            if (!_dependency.TryAdd(fence))
            {
                continue;
            }

            while (true)
            {
                long generation = _work.Generation;
                if (_stop.IsRequested || fence.IsSignaled)
                {
                    break;
                }

                _work.Wait(generation, EventCount.Infinite);
            }

            _dependency.Cancel();
        }

        fences.Clear();
    }

    private int RunJob(CommandStreamer streamer, GpuMemoryView memory, ReadOnlySpan<ulong> batches, UserFenceWrite? fence)
    {
        if (_slots.Length != 0)
        {
            return RunSlots(streamer, memory, batches, fence);
        }

        int result = streamer.Run(batches[0]);
        return result < 0 ? Report(result, streamer.LastError, _stop.IsRequested) : fence is { } write ? WriteFence(memory, write) : 0;
    }

    /// <summary>Runs the batches of all slots at the same time.</summary>
    private int RunSlots(CommandStreamer streamer, GpuMemoryView memory, ReadOnlySpan<ulong> batches, UserFenceWrite? fence)
    {
        for (int slot = 0; slot < _slots.Length; slot++)
        {
            _slots[slot].Begin(batches[slot + 1]);
        }

        int result = streamer.Run(batches[0]);
        if (result < 0)
        {
            FailSlot(result, streamer.LastError);
        }

        foreach (ParallelSlot slot in _slots)
        {
            slot.WaitUntilDone();
        }

        return _slotResult < 0 ? Report(_slotResult, _slotError, _slotWasStopped)
            : _stop.IsRequested ? -Errno.ECANCELED
            : fence is { } write ? WriteFence(memory, write) : 0;
    }

    private unsafe int WriteFence(GpuMemoryView memory, UserFenceWrite fence)
    {
        ulong value = fence.Value;
        int result = memory.Write(fence.Address, &value, sizeof(ulong));
        return result < 0 ? Report(result, new BatchError(result, fence.Address, 0, "user fence"), _stop.IsRequested) : 0;
    }

    /// <summary>Bans the queue for an error of its own; being stopped is none, unless the time was over.</summary>
    private int Report(int result, in BatchError error, bool wasStopped)
    {
        if (_timedOut)
        {
            _owner?.OnBanned(this, new BatchError(-Errno.ETIME, error.Address, error.Header, "job timeout"));
            return -Errno.ETIME;
        }

        if (!wasStopped)
        {
            lock (_lock)
            {
                _banned = true;
            }

            _owner?.OnBanned(this, error);
        }

        return result;
    }

    private void Complete(int result)
    {
        long sequence = Completed + 1;
        Timeline.Complete(sequence, result);
        _owner?.OnJobDone(this, sequence, result);
        _progress.Wake();
        _waiters.Wake();
    }

    /// <summary>Ends the jobs that are left: the first with the error that banned the queue, the others, and all of a killed queue's, cancelled.</summary>
    private void DropJobs(int result)
    {
        // The ban is set, so nothing is submitted from here on.
        while (!IsIdle)
        {
            Complete(result == 0 ? -Errno.ECANCELED : result);
            result = 0;
        }

        _waiters.Wake();
    }
}
