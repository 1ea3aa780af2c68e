namespace XeSvm.Simulation.Gpu;

/// <content>What a change would write, told before it is made. Under the write lock.</content>
internal sealed unsafe partial class GpuPageTable
{
    /// <summary>Bytes that one entry of a table covers.</summary>
    public static ulong EntrySpan(int level) => 1UL << LevelShift(level);

    /// <summary>What mapping a range would write (xe_pt_stage_bind).</summary>
    /// <param name="start">First GPU address; 4 KiB aligned.</param>
    /// <param name="end">First GPU address beyond.</param>
    /// <param name="runStart">Where a run of ranges that ends at <paramref name="start"/> begins whose tables will be there by then; or start.</param>
    public GpuTableUpdate PlanMap(ulong start, ulong end, ulong runStart)
    {
        CheckRange(start, end - start);
        GpuTableUpdate update = default;
        PlanMap(_root, _topLevel, start, end, runStart, ref update);
        return update;
    }

    /// <summary>What clearing a range would write (xe_pt_stage_unbind): a table that becomes empty goes by one entry of the table above.</summary>
    /// <param name="start">First GPU address; 4 KiB aligned.</param>
    /// <param name="end">First GPU address beyond.</param>
    /// <param name="runStart">Where a run of ranges that ends at <paramref name="start"/> begins that will be cleared by then; or start.</param>
    public GpuTableUpdate PlanClear(ulong start, ulong end, ulong runStart)
    {
        CheckRange(start, end - start);
        GpuTableUpdate update = default;
        PlanClear(_root, _topLevel, start, end, runStart, ref update);
        return update;
    }

    // A null table is one that the run makes.
    private static void PlanMap(GpuTable* table, int level, ulong start, ulong end, ulong runStart, ref GpuTableUpdate update)
    {
        if (level == 0)
        {
            update.Add(level, Index(end - 1, level) - Index(start, level) + 1);
            return;
        }

        int entries = 0;
        for (var entry = new EntryWalk(table, level, start, end); entry.MoveNext();)
        {
            bool madeByRun = entry.From > entry.Start && runStart < entry.From;
            if (entry.IsWhole || !(entry.IsPointer || madeByRun))
            {
                entries++;
                continue;
            }

            PlanMap(entry.IsPointer ? entry.Target : null, level - 1, entry.From, entry.To, runStart, ref update);
        }

        if (entries != 0)
        {
            update.Add(level, entries);
        }
    }

    private static void PlanClear(GpuTable* table, int level, ulong start, ulong end, ulong runStart, ref GpuTableUpdate update)
    {
        int entries = 0;
        for (var entry = new EntryWalk(table, level, start, end); entry.MoveNext();)
        {
            if (!entry.IsPresent)
            {
                continue;
            }

            if (entry.IsWhole || !entry.IsPointer || Empties(entry.Target, level - 1, Math.Max(runStart, entry.Start), entry.To))
            {
                entries++;
                continue;
            }

            PlanClear(entry.Target, level - 1, entry.From, entry.To, runStart, ref update);
        }

        if (entries != 0)
        {
            update.Add(level, entries);
        }
    }

    /// <summary>Whether nothing is left in a table when a range is cleared (xe_pt_check_kill).</summary>
    private static bool Empties(GpuTable* table, int level, ulong start, ulong end)
    {
        int cleared = 0;
        for (var entry = new EntryWalk(table, level, start, end); entry.MoveNext();)
        {
            bool goes = entry.IsWhole || (entry.IsPointer && Empties(entry.Target, level - 1, entry.From, entry.To));
            cleared += entry.IsPresent && goes ? 1 : 0;
        }

        return cleared == table->Live;
    }

    /// <summary>The entries of one table that a range touches, each with the part of the range that is its own. A null table has none present.</summary>
    private struct EntryWalk(GpuTable* table, int level, ulong start, ulong end)
    {
        private readonly ulong _size = EntrySpan(level);
        private ulong _next = start & ~(EntrySpan(level) - 1);
        private ulong _value;

        /// <summary>First address of the entry.</summary>
        public ulong Start { get; private set; }

        /// <summary>First address of the range in it.</summary>
        public ulong From { get; private set; }

        /// <summary>First address beyond the range in it.</summary>
        public ulong To { get; private set; }

        public readonly bool IsWhole => To - From == _size;

        public readonly bool IsPresent => (_value & GpuPte.PresentBit) != 0;

        public readonly bool IsPointer => GpuTable.IsPointer(_value);

        public readonly GpuTable* Target => GpuTable.Target(_value);

        public bool MoveNext()
        {
            if (_next >= end)
            {
                return false;
            }

            Start = _next;
            From = Math.Max(start, _next);
            _next += _size;
            To = Math.Min(end, _next);
            _value = table == null ? 0 : GpuTable.Load(table, Index(Start, level));
            return true;
        }
    }
}
