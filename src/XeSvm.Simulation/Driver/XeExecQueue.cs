using System.Diagnostics.CodeAnalysis;

using XeSvm.Simulation.Gpu;

namespace XeSvm.Simulation.Driver;

/// <summary>What user space holds by an exec queue id (xe_exec_queue): a queue on engines, or a bind queue, of one VM.</summary>
internal sealed class XeExecQueue : IDisposable, IExecQueueOwner
{
    /// <summary>The highest priority without CAP_SYS_NICE (XE_EXEC_QUEUE_PRIORITY_NORMAL).</summary>
    public const uint HighestPriority = 1;

    private readonly ExecQueue? _queue;
    private int _disposed;

    private XeExecQueue(Vm vm, Engine? engine, int width)
    {
        Vm = vm;
        _queue = engine is null ? null : new ExecQueue($"xe {engine.Class} queue", engine, width, vm.AddressSpaceOf(engine.Gt), vm.Device.UserFences, this);
    }

    public Vm Vm { get; }

    public bool IsBindQueue => _queue is null;

    /// <summary>Batches per job.</summary>
    public int Width => _queue?.Width ?? 1;

    /// <summary>The queue was reset, killed or banned.</summary>
    public bool IsBanned => _queue is { IsBanned: true };

    /// <summary>A queue for binds only; false when the VM is closed.</summary>
    public static bool TryCreateForBinds(Vm vm, [NotNullWhen(true)] out XeExecQueue? queue) => TryCreate(vm, null, 1, out queue);

    /// <summary>A queue on an engine; false when the VM is closed.</summary>
    public static bool TryCreateOnEngine(Vm vm, Engine engine, int width, [NotNullWhen(true)] out XeExecQueue? queue) =>
        TryCreate(vm, engine, width, out queue);

    /// <summary>Hands work to the engine: 0, or -ECANCELED. Waits for room when the limit of jobs is reached.</summary>
    public int Submit(ReadOnlySpan<ulong> batches, UserFenceWrite? fence)
    {
        while (true)
        {
            int result = _queue!.Submit(batches, fence, out _);
            if (result != -Errno.EAGAIN)
            {
                return result;
            }

            // The kernel answers EAGAIN and user space comes again; callers above the seam never see EAGAIN, so the wait is here.
            _queue.WaitForSpace(EventCount.Infinite);
        }
    }

    /// <inheritdoc/>
    public void OnJobDone(ExecQueue queue, long sequence, int result)
    {
    }

    /// <inheritdoc/>
    public void OnBanned(ExecQueue queue, in BatchError error) => Vm.Device.RecordBan(error);

    /// <summary>Kills running work and lets go of the VM. From any thread, any number of times.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        _queue?.Kill();
        Vm.RemoveQueue(runsWork: _queue is not null);
    }

    private static bool TryCreate(Vm vm, Engine? engine, int width, [NotNullWhen(true)] out XeExecQueue? queue)
    {
        queue = vm.TryAddQueue(runsWork: engine is not null) ? new XeExecQueue(vm, engine, width) : null;
        return queue is not null;
    }
}
