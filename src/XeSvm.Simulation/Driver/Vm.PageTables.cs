using XeSvm.Simulation.Gpu;

namespace XeSvm.Simulation.Driver;

/// <content>The page tables, one a tile, under one lock.</content>
internal sealed unsafe partial class Vm
{
    /// <summary>Writes page-table entries for <c>[start, start + length)</c>; <paramref name="first"/> is the entry of the first byte.</summary>
    /// <param name="start">The first address.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="first">The entry of the first byte.</param>
    /// <param name="tiles">Bit per tile whose page table is written.</param>
    public void MapPageTable(ulong start, ulong length, GpuPte first, uint tiles)
    {
        lock (_pageTableLock)
        {
            for (int tile = 0; tile < _pageTables.Length; tile++)
            {
                if ((tiles >> tile & 1) != 0)
                {
                    _pageTables[tile].Map(start, length, first);
                }
            }
        }
    }

    /// <summary>Clears page-table entries of all tiles; bit per tile that had any. A TLB invalidation of those has to follow.</summary>
    public uint ZapPageTable(ulong start, ulong end)
    {
        uint tiles = 0;
        lock (_pageTableLock)
        {
            for (int tile = 0; tile < _pageTables.Length; tile++)
            {
                tiles |= _pageTables[tile].Zap(start, end) ? 1u << tile : 0;
            }
        }

        return tiles;
    }

    /// <summary>What mapping a range would write; see <see cref="GpuPageTable.PlanMap(ulong, ulong, ulong)"/>.</summary>
    public GpuTableUpdate PlanMap(ulong start, ulong end, ulong runStart)
    {
        GpuTableUpdate update = default;
        lock (_pageTableLock)
        {
            foreach (GpuPageTable pageTable in _pageTables)
            {
                update.MergeTile(pageTable.PlanMap(start, end, runStart));
            }
        }

        return update;
    }

    /// <summary>What clearing a range would write; see <see cref="GpuPageTable.PlanClear(ulong, ulong, ulong)"/>.</summary>
    public GpuTableUpdate PlanClear(ulong start, ulong end, ulong runStart)
    {
        GpuTableUpdate update = default;
        lock (_pageTableLock)
        {
            foreach (GpuPageTable pageTable in _pageTables)
            {
                update.MergeTile(pageTable.PlanClear(start, end, runStart));
            }
        }

        return update;
    }

    /// <summary>
    /// After this returns, no access that began with an old translation is under way. The kernel sends one message to each GT of the tiles
    /// (xe_tlb_inval_range_tilemask_submit).
    /// </summary>
    /// <param name="tiles">Bit per tile; without any there is nothing to do.</param>
    public void InvalidateTlb(uint tiles)
    {
        if (tiles != 0)
        {
            Gate.InvalidateAndWait();
            Device.Count(tiles, GtCounter.TlbInvalCount, 1);
        }
    }

    private bool TryTranslate(ulong address, Gt gt, out GpuPte pte)
    {
        lock (_pageTableLock)
        {
            return PageTableOf(gt.TileId).TryWalk(address, out pte, out _);
        }
    }
}
