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
        int first = Index(start, level);
        int last = Index(end - 1, level);
        if (level == 0)
        {
            update.Add(level, last - first + 1);
            return;
        }

        int entries = 0;
        ulong size = EntrySpan(level);
        ulong entryStart = start & ~(size - 1);
        for (int index = first; index <= last; index++, entryStart += size)
        {
            ulong entry = table == null ? 0 : GpuTable.Load(table, index);
            ulong from = Math.Max(start, entryStart);
            ulong to = Math.Min(end, entryStart + size);
            bool madeByRun = from > entryStart && runStart < from;
            if (to - from == size || !(GpuTable.IsPointer(entry) || madeByRun))
            {
                entries++;
                continue;
            }

            PlanMap(GpuTable.IsPointer(entry) ? GpuTable.Target(entry) : null, level - 1, from, to, runStart, ref update);
        }

        if (entries != 0)
        {
            update.Add(level, entries);
        }
    }

    private static void PlanClear(GpuTable* table, int level, ulong start, ulong end, ulong runStart, ref GpuTableUpdate update)
    {
        int last = Index(end - 1, level);
        int entries = 0;
        ulong size = EntrySpan(level);
        ulong entryStart = start & ~(size - 1);
        for (int index = Index(start, level); index <= last; index++, entryStart += size)
        {
            ulong entry = GpuTable.Load(table, index);
            if ((entry & GpuPte.PresentBit) == 0)
            {
                continue;
            }

            ulong from = Math.Max(start, entryStart);
            ulong to = Math.Min(end, entryStart + size);
            if (to - from == size || !GpuTable.IsPointer(entry) || Empties(GpuTable.Target(entry), level - 1, Math.Max(runStart, entryStart), to))
            {
                entries++;
                continue;
            }

            PlanClear(GpuTable.Target(entry), level - 1, from, to, runStart, ref update);
        }

        if (entries != 0)
        {
            update.Add(level, entries);
        }
    }

    /// <summary>Whether nothing is left in a table when a range is cleared (xe_pt_check_kill).</summary>
    private static bool Empties(GpuTable* table, int level, ulong start, ulong end)
    {
        int last = Index(end - 1, level);
        int cleared = 0;
        ulong size = EntrySpan(level);
        ulong entryStart = start & ~(size - 1);
        for (int index = Index(start, level); index <= last; index++, entryStart += size)
        {
            ulong entry = GpuTable.Load(table, index);
            if ((entry & GpuPte.PresentBit) == 0)
            {
                continue;
            }

            ulong from = Math.Max(start, entryStart);
            ulong to = Math.Min(end, entryStart + size);
            bool goes = to - from == size || (GpuTable.IsPointer(entry) && Empties(GpuTable.Target(entry), level - 1, from, to));
            cleared += goes ? 1 : 0;
        }

        return cleared == table->Live;
    }
}
