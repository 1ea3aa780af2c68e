namespace XeSvm.Simulation.Gpu;

/// <summary>
/// What a bind would write to the tables that are there already; tables that it makes are filled before they are linked in, and do not count
/// (struct xe_vm_pgtable_update).
/// </summary>
internal struct GpuTableUpdate
{
    // MAX_PTE_PER_SDI: entries that one MI_STORE_DATA_IMM writes.
    private const int MostEntriesPerCommand = 0x1fe;
    private const int CommandDwords = 4;
    private const int EntryDwords = 2;

    /// <summary>Dwords of the batch that would write the entries (xe_migrate_update_pgtables).</summary>
    public ulong Dwords;

    /// <summary>The highest level of a table that is written to; 0 for the lowest.</summary>
    public int Level;

    /// <summary>Adds consecutive entries of one table.</summary>
    public void Add(int level, int entries)
    {
        Level = Math.Max(Level, level);
        int commands = (entries + MostEntriesPerCommand - 1) / MostEntriesPerCommand;
        Dwords += (ulong)((CommandDwords * commands) + (EntryDwords * entries));
    }

    /// <summary>Takes the larger of both: the tables of each tile are written by a batch of its own.</summary>
    public void MergeTile(in GpuTableUpdate other)
    {
        Level = Math.Max(Level, other.Level);
        Dwords = Math.Max(Dwords, other.Dwords);
    }
}
