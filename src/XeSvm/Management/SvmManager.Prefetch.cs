using System.Diagnostics;

namespace XeSvm.Management;

/// <content>Prefetches.</content>
public sealed partial class SvmManager
{
    private PrefetchRun? _spareRun;

    /// <summary>
    /// Moves memory ahead of its use. Is VRAM full, the coldest other memory that is not in use is moved out first; what then still has no room is
    /// left out. Does not wait for room. Allocates nothing.
    /// </summary>
    /// <param name="range">The memory; widened to whole pages. Of memory that is not managed there is no account, and no care for room.</param>
    /// <param name="location">Where to; <see cref="MemoryLocation.Default"/> means where the advice says.</param>
    /// <exception cref="XeException">The driver refused.</exception>
    /// <exception cref="ObjectDisposedException">The manager was disposed.</exception>
    public SvmPrefetchOutcome Prefetch(GpuRange range, MemoryLocation location)
    {
        XeResult result = TryPrefetch(range, location, out SvmPrefetchOutcome outcome);
        if (!result.IsSuccess)
        {
            ThrowHelper.Throw(result, XeOperation.VmBindPrefetch, $"prefetch of {range} to {location} in VM {Vm.Id}");
        }

        return outcome;
    }

    /// <summary>Moves memory ahead of its use as <see cref="Prefetch"/> does, or says why not.</summary>
    /// <param name="range">The memory; widened to whole pages.</param>
    /// <param name="location">Where to; <see cref="MemoryLocation.Default"/> means where the advice says.</param>
    /// <param name="outcome">What became of it; valid whatever the result is.</param>
    /// <exception cref="ObjectDisposedException">The manager was disposed.</exception>
    public XeResult TryPrefetch(GpuRange range, MemoryLocation location, out SvmPrefetchOutcome outcome)
    {
        PrefetchRun run = BeginRun();
        try
        {
            run.Planner.Add(range, Own(location));
            run.Planner.Plan();
            XeResult result = Execute(run);
            outcome = run.Outcome;
            Raise(outcome, result);
            return result;
        }
        finally
        {
            EndRun(run);
        }
    }

    /// <summary>Moves memory ahead of its use, on a thread of the pool; waits for room when VRAM is full of memory that is in use.</summary>
    /// <param name="range">The memory; widened to whole pages.</param>
    /// <param name="location">Where to; <see cref="MemoryLocation.Default"/> means where the advice says.</param>
    /// <param name="cancellationToken">Ends the prefetch between two requests of at most 64 MiB, and the wait for room; what was moved stays.</param>
    /// <returns>Ends with <see cref="XeException"/> when the driver refused a part.</returns>
    /// <exception cref="ObjectDisposedException">The manager was disposed.</exception>
    public Task<SvmPrefetchOutcome> PrefetchAsync(GpuRange range, MemoryLocation location, CancellationToken cancellationToken = default) =>
        PrefetchAsync(new ReadOnlyMemory<SvmPrefetch>([new SvmPrefetch(range, location)]), cancellationToken);

    /// <summary>
    /// Moves memory ahead of its use, on a thread of the pool, as one plan: the later of two entries that overlap holds, neighbours are one, and
    /// what leaves VRAM goes first. Waits for room when VRAM is full of memory that is in use.
    /// </summary>
    /// <param name="prefetches">What to move, and where to. It must not change before the result ends.</param>
    /// <param name="cancellationToken">Ends the prefetch between two requests of at most 64 MiB, and the wait for room; what was moved stays.</param>
    /// <returns>Ends with <see cref="XeException"/> when the driver refused a part.</returns>
    /// <exception cref="ObjectDisposedException">The manager was disposed.</exception>
    public Task<SvmPrefetchOutcome> PrefetchAsync(ReadOnlyMemory<SvmPrefetch> prefetches, CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return Task.Run(() => RunAsync(prefetches, cancellationToken), cancellationToken);
    }

    private async Task<SvmPrefetchOutcome> RunAsync(ReadOnlyMemory<SvmPrefetch> prefetches, CancellationToken cancellationToken)
    {
        PrefetchRun run = BeginRun();
        try
        {
            foreach (SvmPrefetch prefetch in prefetches.Span)
            {
                run.Planner.Add(prefetch.Range, Own(prefetch.Location));
            }

            run.Planner.Plan();
            PrefetchCursor cursor = default;
            while (true)
            {
                cancellationToken.ThrowIfCancellationRequested();
                Gathering gathering = Gather(run, ref cursor, mayWait: true);
                XeResult result = Issue(run);
                if (!result.IsSuccess)
                {
                    Raise(run.Outcome, result);
                    ThrowHelper.Throw(result, XeOperation.VmBindPrefetch, $"prefetch of {prefetches.Length} ranges in VM {Vm.Id}");
                }

                if (gathering == Gathering.Ended)
                {
                    Raise(run.Outcome, result);
                    return run.Outcome;
                }

                if (gathering == Gathering.Waits)
                {
                    await run.Room.WaitAsync(cancellationToken).ConfigureAwait(false);
                }
            }
        }
        finally
        {
            EndRun(run);
        }
    }

    /// <summary>Does a plan without waiting for room.</summary>
    private XeResult Execute(PrefetchRun run)
    {
        PrefetchCursor cursor = default;
        Gathering gathering;
        do
        {
            gathering = Gather(run, ref cursor, mayWait: false);
            XeResult result = Issue(run);
            if (!result.IsSuccess)
            {
                return result;
            }
        }
        while (gathering != Gathering.Ended);

        return XeResult.Success;
    }

    /// <summary>Issues the request that was gathered, and keeps the account.</summary>
    private XeResult Issue(PrefetchRun run)
    {
        if (run.Operations.IsEmpty)
        {
            return XeResult.Success;
        }

        long begin = Stopwatch.GetTimestamp();
        XeResult result = default;
        bool answered = false;
        try
        {
            result = AdviseBeyond(run);
            result = result.IsSuccess ? Vm.TryBind(run.Operations) : result;
            answered = true;
        }
        finally
        {
            Settle(run, answered && result.IsSuccess);
        }

        _metrics.Prefetched(Stopwatch.GetElapsedTime(begin), result, run.Operations.Length);
        if (result.IsSuccess)
        {
            Interlocked.Add(ref _askedToSystemBytes, run.SystemBytes);
        }
        else
        {
            NoteRefusal(XeOperation.VmBindPrefetch, result);
        }

        return result;
    }

    /// <summary>Advises what the request moves to other devices, as no prefetch gets there without.</summary>
    private XeResult AdviseBeyond(PrefetchRun run)
    {
        foreach (PrefetchStep part in run.Parts)
        {
            GpuRange range = new(part.Start, part.End - part.Start);
            if (part.Location.Peer is not null && Vm.TryAdvise(range, part.Location) is { IsSuccess: false } refused)
            {
                return refused;
            }
        }

        return XeResult.Success;
    }

    private PrefetchRun BeginRun()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        PrefetchRun run = Interlocked.Exchange(ref _spareRun, null) ?? new PrefetchRun();
        run.Clear();
        return run;
    }

    private void EndRun(PrefetchRun run)
    {
        if (run.Reserved != 0)
        {
            Settle(run, succeeded: false);
        }

        Volatile.Write(ref _spareRun, run);
    }

    private void Raise(in SvmPrefetchOutcome outcome, XeResult result)
    {
        TellLoss();
        _metrics.Placed(outcome);
        if (Prefetched is { } handler)
        {
            handler(this, new SvmPrefetchEventArgs(outcome, result));
        }
    }
}

/// <summary>One entry of a batch of prefetches.</summary>
/// <param name="Range">The memory; widened to whole pages.</param>
/// <param name="Location">Where to; <see cref="MemoryLocation.Default"/> means where the advice says.</param>
public readonly record struct SvmPrefetch(GpuRange Range, MemoryLocation Location);
