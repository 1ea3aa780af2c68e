namespace XeSvm.Management;

/// <content>Balancing: what the policy decides, done.</content>
public sealed partial class SvmManager
{
    private readonly Lock _balanceLock = new();
    private readonly List<(ManagedMemory Memory, int Index)> _owners = [];
    private PlacementBlock[] _blocks = [];
    private PlacementDecision[] _decisions = [];
    private SvmCounters _counters;
    private ulong _askedToSystemBytes;

    /// <summary>
    /// Reads the GT statistics, asks the policy, and does what it decides: advice, then prefetches. Each balancing halves the heat of all blocks.
    /// </summary>
    /// <returns>What was done. What the driver refused is in it, and is no exception: nothing depends on it.</returns>
    /// <exception cref="ObjectDisposedException">The manager was disposed.</exception>
    public SvmBalanceReport Balance()
    {
        if (_balanceLock.IsHeldByCurrentThread)
        {
            throw new InvalidOperationException("A policy cannot balance the manager that asks it.");
        }

        SvmBalanceReport report;
        XeResult move;
        lock (_balanceLock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            PlacementPolicy policy = Policy;
            SvmActivity activity = ReadActivity();
            PlacementState state = TakeBlocks(activity, out int count);
            ReadOnlySpan<PlacementBlock> blocks = _blocks.AsSpan(0, count);
            Span<PlacementDecision> decisions = _decisions.AsSpan(0, count);
            decisions.Clear();
            policy.Place(state, blocks, decisions);
            XeResult advice = ApplyAdvice(blocks, decisions, out ulong advised);
            move = ApplyMoves(blocks, decisions, out SvmPrefetchOutcome outcome);
            report = new SvmBalanceReport(policy.Name, count, advised, outcome, activity, move.IsSuccess ? advice : move);
        }

        TellLoss();
        if (report.Prefetches.RequestedBytes > 0)
        {
            Raise(report.Prefetches, move);
        }

        if (Balanced is { } handler)
        {
            handler(this, new SvmBalanceEventArgs(report));
        }

        return report;
    }

    /// <summary>Balances again and again, until the device is lost, the manager disposed, or the token cancelled.</summary>
    /// <param name="interval">The time from one balancing to the next.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>Ends without an exception for all three reasons.</returns>
    public async Task BalanceAsync(TimeSpan interval, CancellationToken cancellationToken = default)
    {
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _stop.Token);
        using PeriodicTimer timer = new(interval);
        try
        {
            while (!IsDeviceLost && await timer.WaitForNextTickAsync(stop.Token).ConfigureAwait(false))
            {
                _ = Balance();
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // One of the ways to end it.
        }
        catch (ObjectDisposedException) when (_stop.IsCancellationRequested)
        {
            // The manager was disposed in the middle of a balancing.
        }
    }

    private SvmActivity ReadActivity()
    {
        SvmCounters now = SvmCounters.Read(Device);
        SvmCounters before = _counters;
        _counters = now;
        ulong asked = Interlocked.Exchange(ref _askedToSystemBytes, 0);
        if (!now.IsKnown || !before.IsKnown)
        {
            return new SvmActivity(now.IsKnown, 0, 0, 0, 0);
        }

        ulong toSystem = SvmCounters.Moved(before.ToSystemBytes, now.ToSystemBytes);
        return new SvmActivity(
            true,
            SvmCounters.Moved(before.Faults, now.Faults),
            SvmCounters.Moved(before.ToDeviceBytes, now.ToDeviceBytes),
            toSystem,
            toSystem - Math.Min(toSystem, asked));
    }

    private PlacementState TakeBlocks(in SvmActivity activity, out int count)
    {
        ulong used = UsedVram();
        lock (_lock)
        {
            _foreignBytes = used - Math.Min(used, _managedBytes);
            _owners.Clear();
            foreach (ManagedMemory memory in _map.All)
            {
                for (int index = 0; index < memory.Blocks.Length; index++)
                {
                    _owners.Add((memory, index));
                }
            }

            count = _owners.Count;
            if (_blocks.Length < count)
            {
                _blocks = new PlacementBlock[count * 2];
                _decisions = new PlacementDecision[count * 2];
            }

            for (int number = 0; number < count; number++)
            {
                (ManagedMemory memory, int index) = _owners[number];
                _blocks[number] = Describe(memory, index);
                memory.Blocks[index].Heat /= 2;
            }

            return new PlacementState(_vram, _vramBytes > 0, Limit(), _managedBytes, activity);
        }
    }

    private ulong UsedVram()
    {
        if (_vramBytes == 0 || IsDeviceLost)
        {
            return 0;
        }

        int left = Options.VramIndex;
        foreach (XeMemoryRegion region in Device.QueryMemoryRegions())
        {
            if (region.MemoryClass == XeMemoryClass.Vram && left-- == 0)
            {
                return region.UsedSize;
            }
        }

        return 0;
    }

    /// <summary>Advises what differs from the last advice; neighbours with the same advice are one request.</summary>
    private XeResult ApplyAdvice(ReadOnlySpan<PlacementBlock> blocks, ReadOnlySpan<PlacementDecision> decisions, out ulong advised)
    {
        advised = 0;
        XeResult last = default;
        for (int first = 0; first < blocks.Length && CanAdvise && last.IsSuccess;)
        {
            int behind = first + 1;
            MemoryLocation? wanted = decisions[first].Advice;
            MemoryLocation location = Own(wanted ?? MemoryLocation.Default);
            if (wanted is null || location == blocks[first].Advised)
            {
                first = behind;
                continue;
            }

            GpuRange range = blocks[first].Range;
            while (behind < blocks.Length && decisions[behind].Advice == wanted && blocks[behind].Advised != location
                && blocks[behind].Range.Address == range.Address + range.Length)
            {
                range = new GpuRange(range.Address, range.Length + blocks[behind].Range.Length);
                behind++;
            }

            last = Vm.TryAdvise(range, location);
            if (last.IsSuccess)
            {
                advised += range.Length;
                NoteAdvice(first, behind, location);
            }
            else
            {
                NoteRefusal(XeOperation.Madvise, last);
            }

            first = behind;
        }

        return last;
    }

    private void NoteAdvice(int first, int behind, MemoryLocation location)
    {
        lock (_lock)
        {
            for (int number = first; number < behind; number++)
            {
                _owners[number].Memory.Blocks[_owners[number].Index].Advised = location;
            }
        }
    }

    private XeResult ApplyMoves(ReadOnlySpan<PlacementBlock> blocks, ReadOnlySpan<PlacementDecision> decisions, out SvmPrefetchOutcome outcome)
    {
        PrefetchRun run = BeginRun();
        try
        {
            for (int number = 0; number < blocks.Length; number++)
            {
                if (decisions[number].LeftTo is { } left)
                {
                    NoteLeft(number, left);
                }

                if (decisions[number].Move is not { } wanted)
                {
                    continue;
                }

                MemoryLocation location = Own(wanted);
                if (!((location.IsSystem || location.Peer is not null) && IsInUse(number)))
                {
                    run.Planner.Add(blocks[number].Range, location);
                }
            }

            run.Planner.Plan();
            XeResult result = Execute(run);
            outcome = run.Outcome;
            return result;
        }
        finally
        {
            EndRun(run);
        }
    }

    /// <summary>Puts the account right about a block that others have moved.</summary>
    private void NoteLeft(int number, MemoryLocation location)
    {
        (ManagedMemory memory, int index) = _owners[number];
        lock (_lock)
        {
            if (!memory.IsForgotten)
            {
                SetLocation(memory, index, location);
                SignalRoom();
            }
        }
    }

    /// <summary>Whether a use began while the policy decided; what the program uses is not moved out.</summary>
    private bool IsInUse(int number)
    {
        lock (_lock)
        {
            return _owners[number].Memory.Blocks[_owners[number].Index].Uses > 0;
        }
    }
}
