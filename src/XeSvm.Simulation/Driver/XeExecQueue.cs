using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;

using XeSvm.Simulation.Driver.Fences;
using XeSvm.Simulation.Gpu;

namespace XeSvm.Simulation.Driver;

/// <summary>What user space holds by an exec queue id (xe_exec_queue): a queue on engines, or a bind queue, of one VM.</summary>
internal sealed class XeExecQueue : IDisposable, IExecQueueOwner
{
    private const uint NormalPriority = 1; // XE_EXEC_QUEUE_PRIORITY_NORMAL
    private const uint HighPriority = 2; // XE_EXEC_QUEUE_PRIORITY_HIGH

    private static readonly long s_roomTicks = Stopwatch.Frequency / 1000;

    private readonly ExecQueue? _queue;
    private readonly BindQueue? _binds;
    private int _disposed;

    private XeExecQueue(Vm vm, Engine? engine, int width)
    {
        Vm = vm;
        _binds = engine is null ? new BindQueue() : null;
        _queue = engine is null ? null : new ExecQueue($"xe {engine.Class} queue", engine, width, vm.AddressSpaceOf(engine.Gt), vm.Device.UserFences, this)
        {
            Faults = vm.Device.Options.Faults,
            Mode = vm.IsFaultMode ? EngineGroupMode.Fault : EngineGroupMode.DmaFence,
            JobTimeout = vm.IsLongRunning ? Timeout.InfiniteTimeSpan : vm.Device.JobTimeout,
        };
        if (_queue is not null)
        {
            vm.Add(this);
        }

        vm.Device.Loss.Add(this);
    }

    public Vm Vm { get; }

    /// <summary>The engine, or the first of them; null for a bind queue.</summary>
    public Engine? Engine => _queue?.Engine;

    /// <summary>The group of queues that it is a member of, or null.</summary>
    public QueueGroup? Group { get; private set; }

    public bool IsBindQueue => _queue is null;

    /// <summary>Batches per job.</summary>
    public int Width => _queue?.Width ?? 1;

    /// <summary>The queue was reset, killed or banned.</summary>
    public bool IsBanned => _queue is { IsBanned: true };

    /// <summary>The highest priority that the client may ask for (xe_exec_queue_device_get_max_priority).</summary>
    public static uint HighestPriorityOf(SoftwareDevice device) => device.MayRaisePriority ? HighPriority : NormalPriority;

    /// <summary>Makes this the first queue of a group.</summary>
    public void CreateGroup() => Group = new QueueGroup(this);

    /// <summary>Joins the group of another queue: 0, or -EINVAL (xe_exec_queue_group_add).</summary>
    public int Join(XeExecQueue primary)
    {
        int result = primary.Group is { } group && ReferenceEquals(group.Primary, primary) ? group.Add(this) : -Errno.EINVAL;
        Group = result == 0 ? primary.Group : null;
        return result;
    }

    /// <summary>A queue for binds only; false when the VM is closed.</summary>
    public static bool TryCreateForBinds(Vm vm, [NotNullWhen(true)] out XeExecQueue? queue) => TryCreate(vm, null, 1, out queue);

    /// <summary>A queue on an engine; false when the VM is closed.</summary>
    public static bool TryCreateOnEngine(Vm vm, Engine engine, int width, [NotNullWhen(true)] out XeExecQueue? queue) =>
        TryCreate(vm, engine, width, out queue);

    /// <summary>The order of binds on a bind queue.</summary>
    public BindQueue Binds => _binds!;

    /// <summary>The fence of the job that was submitted last on an engine's queue; signalled when there was none.</summary>
    public DmaFence LastFence => new(_queue!.Timeline, _queue.Submitted);

    /// <summary>
    /// Looks for room for another job. The kernel answers EAGAIN where there is none, and user space comes again. Who calls from another process is
    /// told so after a moment, in which the engine may have the processor; in this process the restart belongs below the seam, so the wait is here.
    /// </summary>
    /// <returns>0; -EAGAIN when as many jobs as there may be are outstanding.</returns>
    public int AwaitRoom()
    {
        if (IoctlCaller.Current is null)
        {
            _queue!.WaitForSpace(EventCount.Infinite);
            return 0;
        }

        return _queue!.HasRoom || _queue.WaitForSpace(Stopwatch.GetTimestamp() + s_roomTicks) ? 0 : -Errno.EAGAIN;
    }

    /// <summary>
    /// Hands work to the engine: 0, or -ECANCELED; -EAGAIN when other threads have taken the room (<see cref="AwaitRoom"/>), which is waited for
    /// unless the caller is another process.
    /// </summary>
    /// <param name="batches">One GPU address for each slot.</param>
    /// <param name="fence">Written when the batches have ended.</param>
    /// <param name="waits">What the job waits for.</param>
    /// <param name="taker">Gets the job's fence before the job can run.</param>
    public int Submit(ReadOnlySpan<ulong> batches, UserFenceWrite? fence, ReadOnlySpan<DmaFence> waits, IJobFenceTaker taker)
    {
        while (true)
        {
            int result = _queue!.Submit(batches, fence, waits, taker, out _);
            if (result != -Errno.EAGAIN || AwaitRoom() < 0)
            {
                return result;
            }
        }
    }

    /// <inheritdoc/>
    public void OnJobDone(ExecQueue queue, long sequence, int result)
    {
    }

    /// <inheritdoc/>
    public void OnBanned(ExecQueue queue, in BatchError error) => Vm.Device.RecordBan(error);

    /// <summary>
    /// Stops running work, drops what waits and refuses more. Binds that are queued stay queued. Not with a lock that the fault handler takes.
    /// </summary>
    public void Kill() => _queue?.Kill();

    /// <summary>As <see cref="Kill"/>, but waits for nothing, and with any lock.</summary>
    public void Ban() => _queue?.Ban();

    /// <summary>Kills running work and lets go of the VM. From any thread, any number of times.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        Vm.Device.Loss.Remove(this);
        Kill();
        Group?.Remove(this);
        Vm.Remove(this);
        Vm.RemoveQueue(runsWork: _queue is not null);
    }

    private static bool TryCreate(Vm vm, Engine? engine, int width, [NotNullWhen(true)] out XeExecQueue? queue)
    {
        queue = vm.TryAddQueue(runsWork: engine is not null) ? new XeExecQueue(vm, engine, width) : null;
        return queue is not null;
    }
}
