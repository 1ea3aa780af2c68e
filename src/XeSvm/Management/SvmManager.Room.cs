namespace XeSvm.Management;

/// <content>Room in VRAM: what a prefetch may take, and what has to leave for it.</content>
public sealed partial class SvmManager
{
    private TaskCompletionSource? _room;

    /// <summary>How the gathering of one request ended.</summary>
    private enum Gathering
    {
        /// <summary>The plan has more.</summary>
        More,

        /// <summary>The plan has more, but there is no room before memory is not in use any more.</summary>
        Waits,

        /// <summary>The plan has no more.</summary>
        Ended,
    }

    /// <summary>Whether a part goes into the request.</summary>
    private enum Admission
    {
        Admitted,
        LeftOut,
        Waits,
    }

    /// <summary>Puts the next request of a plan together, block by block.</summary>
    private Gathering Gather(PrefetchRun run, ref PrefetchCursor cursor, bool mayWait)
    {
        run.ClearRequest();
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            while (cursor.Step < run.Planner.Steps.Length)
            {
                PrefetchStep step = run.Planner.Steps[cursor.Step];
                ulong start = step.Start + cursor.Offset;
                ulong length = Math.Min(Options.BlockBytes - (start & (Options.BlockBytes - 1)), step.End - start);
                if (run.Bytes > 0 && run.Bytes + length > PrefetchRun.MostBytes)
                {
                    return Gathering.More;
                }

                PrefetchStep part = new(start, start + length, step.Location);
                Admission admission = Admit(run, part, mayWait);
                if (admission == Admission.Waits)
                {
                    return Gathering.Waits;
                }

                Count(run, admission, length);
                cursor.Offset += length;
                if (start + length == step.End)
                {
                    cursor = new PrefetchCursor { Step = cursor.Step + 1 };
                }
            }
        }

        return Gathering.Ended;
    }

    private static void Count(PrefetchRun run, Admission admission, ulong length)
    {
        SvmPrefetchOutcome outcome = run.Outcome;
        run.Outcome = admission == Admission.Admitted
            ? outcome with { RequestedBytes = outcome.RequestedBytes + length, PrefetchedBytes = outcome.PrefetchedBytes + length }
            : outcome with { RequestedBytes = outcome.RequestedBytes + length, LeftOutBytes = outcome.LeftOutBytes + length };
    }

    private Admission Admit(PrefetchRun run, PrefetchStep part, bool mayWait)
    {
        GpuRange range = new(part.Start, part.End - part.Start);
        if (part.Location.IsSystem || part.Location.Peer is not null)
        {
            run.Add(range, part.Location);
            run.Parts.Add(part);
            return Admission.Admitted;
        }

        if (_vramBytes == 0)
        {
            return Admission.LeftOut;
        }

        ulong missing = MissingBytes(part);
        if (missing > 0)
        {
            ulong limit = Limit();
            ulong taken = _managedBytes + _reservedBytes;
            ulong free = limit - Math.Min(limit, taken);
            if (missing > free && !MoveOut(run, missing - free))
            {
                return mayWait && MayBecomeFree(run, missing) ? Admission.Waits : Admission.LeftOut;
            }

            _reservedBytes += missing;
            run.Reserved += missing;
            run.Parts.Add(part);
        }

        Warm(part);
        run.Add(range, part.Location);
        return Admission.Admitted;
    }

    /// <summary>A prefetch to the device is a use.</summary>
    private void Warm(PrefetchStep part)
    {
        foreach ((ManagedMemory memory, int index) in _map.BlocksIn(part.Start, part.End))
        {
            memory.Blocks[index].Heat++;
        }
    }

    /// <summary>Bytes of the part's blocks that the account does not have in VRAM.</summary>
    private ulong MissingBytes(PrefetchStep part)
    {
        ulong missing = 0;
        foreach ((ManagedMemory memory, int index) in _map.BlocksIn(part.Start, part.End))
        {
            missing += IsInVram(memory.Blocks[index]) ? 0 : memory.RangeOf(index).Length;
        }

        return missing;
    }

    /// <summary>Has the coldest memory moved out that is not in use and not in the plan itself; all of what is wanted, or nothing.</summary>
    private bool MoveOut(PrefetchRun run, ulong wanted)
    {
        run.Victims.Clear();
        foreach (ManagedMemory memory in _map.All)
        {
            for (int index = 0; index < memory.Blocks.Length; index++)
            {
                ref ManagedBlock block = ref memory.Blocks[index];
                if (IsInVram(block) && block.Uses == 0 && !run.Planner.Contains(memory.RangeOf(index)))
                {
                    run.Victims.Add(new VictimBlock(memory, index, block.Hint == SvmHint.WillNotUse ? -1 : block.Heat));
                }
            }
        }

        run.Victims.Sort();
        ulong found = 0;
        int count = 0;
        while (found < wanted && count < run.Victims.Count)
        {
            found += run.Victims[count].Memory.RangeOf(run.Victims[count].Index).Length;
            count++;
        }

        if (found < wanted)
        {
            return false;
        }

        for (int index = 0; index < count; index++)
        {
            VictimBlock victim = run.Victims[index];
            SetLocation(victim.Memory, victim.Index, MemoryLocation.System);
            run.Add(victim.Memory.RangeOf(victim.Index), MemoryLocation.System);
        }

        run.Outcome = run.Outcome with { MovedOutBytes = run.Outcome.MovedOutBytes + found };
        return true;
    }

    /// <summary>
    /// Whether there will be room when others are done: otherwise waiting would never end. What the run itself has brought in does not count, as it
    /// may not leave for another part of the same plan.
    /// </summary>
    private bool MayBecomeFree(PrefetchRun run, ulong missing)
    {
        if (missing > Limit() || (_usedBytes == 0 && _reservedBytes == run.Reserved))
        {
            return false;
        }

        run.Room = (_room ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
        return true;
    }

    /// <summary>Gives the reserved room back, and notes where the blocks are if the driver moved them.</summary>
    private void Settle(PrefetchRun run, bool succeeded)
    {
        lock (_lock)
        {
            _reservedBytes -= run.Reserved;
            run.Reserved = 0;
            if (succeeded)
            {
                foreach (PrefetchStep part in run.Parts)
                {
                    Place(part);
                }
            }

            SignalRoom();
        }
    }

    private void Place(PrefetchStep part)
    {
        foreach ((ManagedMemory memory, int index) in _map.BlocksIn(part.Start, part.End))
        {
            GpuRange range = memory.RangeOf(index);
            bool isWhole = part.Start <= range.Address && range.Address + range.Length <= part.End;
            MemoryLocation place = part.Location.IsDefault ? memory.Blocks[index].Advised : part.Location;
            place = place.IsDefault ? _vram : place;
            if (isWhole && part.Location.Peer is not null)
            {
                memory.Blocks[index].Advised = part.Location;
            }

            // A block of which a part is in VRAM counts as in VRAM.
            if (isWhole || !(place.IsSystem || place.Peer is not null) || !IsInVram(memory.Blocks[index]))
            {
                SetLocation(memory, index, place);
            }
        }
    }

    private void SignalRoom()
    {
        _room?.SetResult();
        _room = null;
    }

    /// <summary>How far a plan has come.</summary>
    private struct PrefetchCursor
    {
        internal int Step;
        internal ulong Offset;
    }
}
