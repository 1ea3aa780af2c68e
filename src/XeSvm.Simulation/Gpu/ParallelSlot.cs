using XeSvm.Simulation.Driver;

namespace XeSvm.Simulation.Gpu;

/// <summary>
/// A slot above the first of a parallel queue: an engine of its own, which runs one batch of each job on a thread of its own while the first slot
/// runs on the queue's. Allocates nothing once its thread runs.
/// </summary>
internal sealed class ParallelSlot
{
    private readonly EventCount _event = new();
    private readonly Action<ParallelSlot> _run;
    private readonly Thread _thread;
    private ulong _batch;
    private long _begun;
    private long _ended;
    private volatile bool _closed;

    /// <param name="name">Names the thread.</param>
    /// <param name="stackSize">Of the thread, in bytes.</param>
    /// <param name="run">What the thread does: serve <see cref="TryTake"/> until it is false.</param>
    public ParallelSlot(string name, int stackSize, Action<ParallelSlot> run)
    {
        _run = run;
        _thread = new Thread(() => _run(this), stackSize) { Name = name };
    }

    /// <summary>Starts the thread; false when the system has none.</summary>
    public bool TryStart(FaultInjector? faults) => DriverThread.TryStart(_thread, faults);

    /// <summary>Begins a batch.</summary>
    public void Begin(ulong batch)
    {
        _batch = batch;
        Volatile.Write(ref _begun, _begun + 1);
        _event.Wake();
    }

    /// <summary>Waits until the batch has ended, in whatever way.</summary>
    public void WaitUntilDone()
    {
        while (true)
        {
            long generation = _event.Generation;
            if (Volatile.Read(ref _ended) == _begun)
            {
                return;
            }

            _event.Wait(generation, EventCount.Infinite);
        }
    }

    /// <summary>Ends the thread, once the batch has ended.</summary>
    public void Close()
    {
        _closed = true;
        _event.Wake();
        _thread.Join();
    }

    /// <summary>On the slot's thread: waits for the next batch; false when there will be none.</summary>
    public bool TryTake(out ulong batch)
    {
        while (true)
        {
            long generation = _event.Generation;
            batch = _batch;
            if (Volatile.Read(ref _begun) != _ended)
            {
                batch = _batch;
                return true;
            }

            if (_closed)
            {
                return false;
            }

            _event.Wait(generation, EventCount.Infinite);
        }
    }

    /// <summary>On the slot's thread: the batch has ended.</summary>
    public void Finish()
    {
        Volatile.Write(ref _ended, _ended + 1);
        _event.Wake();
    }
}
