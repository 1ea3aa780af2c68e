using XeSvm.Simulation.Cost;

namespace XeSvm.Simulation.Iommu;

/// <summary>
/// The page table of one domain: tables of 512 entries, leaves of 4 KiB and 2 MiB. Mapping and unmapping different addresses needs no lock
/// (generic_pt, iommu_pt.h); who maps an address owns it, as the allocator sees to.
/// </summary>
internal sealed unsafe class IoPageTable : IDisposable
{
    private readonly IoTableMemory _memory;
    private readonly ulong* _root;
    private readonly int _levels;
    private readonly bool _flushes;
    private readonly bool _flushRegression;

    public IoPageTable(IommuOptions options)
    {
        _levels = options.Levels;
        _flushes = !options.CoherentWalker;
        _flushRegression = options.FlushRegression;
        _memory = new IoTableMemory(_flushes, options.MaxTables);
        _root = _memory.Rent();
        if (_root is null)
        {
            throw new InsufficientMemoryException("No memory for the root of an I/O page table.");
        }
    }

    /// <summary>Tables in use, the root included.</summary>
    public int Tables => _memory.InUse;

    /// <summary>
    /// Maps a range; a page becomes a 2 MiB leaf when address and physical address are aligned to it and that much remains of the range.
    /// </summary>
    /// <param name="address">First I/O virtual address, page-aligned.</param>
    /// <param name="physical">Physical address, page-aligned.</param>
    /// <param name="size">Bytes, a multiple of a page.</param>
    /// <param name="permissions">Permission bits of the leaves.</param>
    /// <param name="detached">Gets tables that a 2 MiB leaf took the place of; they need an invalidation.</param>
    /// <param name="mapped">Bytes mapped from <paramref name="address"/> on; less than <paramref name="size"/> on failure.</param>
    /// <param name="work">Counts the work.</param>
    /// <returns>0, -EADDRINUSE at a slot that is taken, -ENOMEM, or -EINVAL beyond the table's reach.</returns>
    public int Map(ulong address, ulong physical, ulong size, ulong permissions, ref IoTableList detached, out ulong mapped, ref DmaWork work)
    {
        mapped = 0;
        if ((address + size - 1) >> IoEntry.Shift(_levels + 1) != 0)
        {
            return -Errno.EINVAL;
        }

        while (mapped < size)
        {
            ulong at = address + mapped;
            ulong to = physical + mapped;
            int level = LeafLevel(at, to, size - mapped, out ulong bytes);

            // Each change of the leaf size is a walk from the root of its own.
            work.WalksMap++;
            int result = MapLeaves(level, at, to, bytes, permissions, ref detached, out ulong done, ref work);
            mapped += done;
            if (result < 0)
            {
                return result;
            }
        }

        return 0;
    }

    /// <summary>
    /// Clears a range in one walk and stops at the first entry that is not there. A leaf that reaches out of the range goes as a whole;
    /// tables that the range covers wholly are detached.
    /// </summary>
    /// <returns>Bytes cleared.</returns>
    public ulong Unmap(ulong address, ulong size, ref IoTableList detached, ref DmaWork work)
    {
        work.WalksUnmap++;
        if ((address + size - 1) >> IoEntry.Shift(_levels + 1) != 0)
        {
            return 0;
        }

        ulong cleared = 0;
        ClearLevel(_root, _levels, address, address + size - 1, ref cleared, ref detached, ref work);
        return cleared;
    }

    /// <summary>The leaf that translates an address, as the CPU sees it (iova_to_phys), and its level; 0 when there is none.</summary>
    public ulong Lookup(ulong address, out int level) => Lookup(address, walker: false, out level);

    /// <summary>The leaf that the hardware walker finds for an address; 0 when there is none.</summary>
    public ulong Walk(ulong address, out int level) => Lookup(address, walker: true, out level);

    /// <summary>Gives detached tables back; only after the invalidation.</summary>
    public void Release(in IoTableList detached) => _memory.Return(in detached);

    /// <summary>Names every leaf as (address, entry, level), lowest address first, as the CPU or the walker sees them; counts tables (audit).</summary>
    public int VisitLeaves(bool walker, Action<ulong, ulong, int> visit) => VisitLeaves(_root, _levels, 0, walker, visit);

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();

    /// <summary>Leaf size for the start of a range, and how many bytes of it take leaves of that size.</summary>
    private static int LeafLevel(ulong address, ulong physical, ulong size, out ulong bytes)
    {
        const ulong LargeMask = IoEntry.LargePageSize - 1;
        if (((address | physical) & LargeMask) == 0 && size >= IoEntry.LargePageSize)
        {
            bytes = size & ~LargeMask;
            return 2;
        }

        ulong toBoundary = IoEntry.LargePageSize - (address & LargeMask);
        bool sameOffset = ((address ^ physical) & LargeMask) == 0;
        bytes = sameOffset && toBoundary + IoEntry.LargePageSize <= size ? toBoundary : size;
        return 1;
    }

    private int MapLeaves(
        int level, ulong address, ulong physical, ulong bytes, ulong permissions, ref IoTableList detached, out ulong done, ref DmaWork work)
    {
        done = 0;
        while (done < bytes)
        {
            int result = Descend(address + done, level, out ulong* table, ref work);
            if (result < 0)
            {
                return result;
            }

            int index = IoEntry.Index(address + done, level);
            int count = (int)Math.Min((ulong)(IoEntry.TableEntries - index), (bytes - done) >> IoEntry.Shift(level));
            ulong entry = (physical + done) | permissions | (level > 1 ? IoEntry.Large : 0);
            int filled = level == 1
                ? FillPages(table + index, count, entry, ref result)
                : FillLargePages(table + index, count, entry, ref detached, ref result, ref work);
            work.PteSet += (ulong)filled;
            work.Leaf2m += level > 1 ? (ulong)filled : 0;
            done += (ulong)filled << IoEntry.Shift(level);
            Flush(table + index, filled, ref work);
            if (result < 0)
            {
                return result;
            }
        }

        return 0;
    }

    /// <summary>Finds the table of a level for an address and installs what is missing on the way.</summary>
    private int Descend(ulong address, int toLevel, out ulong* table, ref DmaWork work)
    {
        table = _root;
        for (int level = _levels; level > toLevel; level--)
        {
            ulong* slot = table + IoEntry.Index(address, level);
            ulong entry = Volatile.Read(ref *slot);
            if (!IoEntry.IsPresent(entry))
            {
                entry = Install(slot, ref work);
                if (entry == 0)
                {
                    return -Errno.ENOMEM;
                }
            }

            if (IoEntry.IsLeaf(entry, level))
            {
                return -Errno.EADDRINUSE;
            }

            if (_flushes && (entry & IoEntry.Flushed) == 0)
            {
                // Another processor has just installed the table and may not have come to its flush.
                Flush(slot, 1, ref work);
            }

            table = (ulong*)IoEntry.Address(entry);
        }

        return 0;
    }

    /// <summary>Installs a new table unless another processor was first; returns the entry in force, 0 without memory.</summary>
    private ulong Install(ulong* slot, ref DmaWork work)
    {
        ulong* table = _memory.Rent();
        if (table is null)
        {
            return 0;
        }

        // The table must be zero for the walker before the walker can reach it.
        Flush(table, IoEntry.TableEntries, ref work);
        ulong entry = (ulong)table | IoEntry.Permissions;
        ulong winner = Interlocked.CompareExchange(ref *slot, entry, 0);
        if (winner != 0)
        {
            _memory.Return(table);
            return winner;
        }

        Flush(slot, 1, ref work);
        work.TableAlloc++;
        return Interlocked.Or(ref *slot, IoEntry.Flushed) | IoEntry.Flushed;
    }

    private static int FillPages(ulong* slots, int count, ulong entry, ref int result)
    {
        for (int i = 0; i < count; i++)
        {
            if (Volatile.Read(ref slots[i]) != 0)
            {
                result = -Errno.EADDRINUSE;
                return i;
            }

            Volatile.Write(ref slots[i], entry);
            entry += IoEntry.PageSize;
        }

        return count;
    }

    private int FillLargePages(ulong* slots, int count, ulong entry, ref IoTableList detached, ref int result, ref DmaWork work)
    {
        for (int i = 0; i < count; i++)
        {
            ulong present = Volatile.Read(ref slots[i]);
            if (present != 0 && !CollectEmptyTable(slots + i, present, ref detached, ref work))
            {
                result = -Errno.EADDRINUSE;
                return i;
            }

            Volatile.Write(ref slots[i], entry);
            entry += IoEntry.LargePageSize;
        }

        return count;
    }

    /// <summary>Detaches the table below a slot when it maps nothing; 4 KiB unmaps leave such tables behind.</summary>
    private bool CollectEmptyTable(ulong* slot, ulong entry, ref IoTableList detached, ref DmaWork work)
    {
        if (IoEntry.IsLeaf(entry, level: 2))
        {
            return false;
        }

        ulong* table = (ulong*)IoEntry.Address(entry);
        if (new ReadOnlySpan<ulong>(table, IoEntry.TableEntries).ContainsAnyExcept(0UL))
        {
            return false;
        }

        Detach(slot, entry, ref detached, ref work);
        Flush(slot, 1, ref work);
        return true;
    }

    private static void Detach(ulong* slot, ulong entry, ref IoTableList detached, ref DmaWork work)
    {
        Volatile.Write(ref *slot, 0);
        detached.Add((ulong*)IoEntry.Address(entry));
        work.TableFree++;
    }

    /// <summary>Clears [first, last] in one table and below; false when it met an entry that is not there.</summary>
    private bool ClearLevel(
        ulong* table, int level, ulong first, ulong last, ref ulong cleared, ref IoTableList detached, ref DmaWork work)
    {
        int shift = IoEntry.Shift(level);
        int begin = IoEntry.Index(first, level);
        int end = IoEntry.Index(last, level);
        int index = begin;
        int changedFrom = int.MaxValue;
        int changedTo = 0;
        bool complete = true;
        for (; index <= end; index++)
        {
            ulong* slot = table + index;
            ulong entry = Volatile.Read(ref *slot);
            if (!IoEntry.IsPresent(entry))
            {
                complete = false;
                break;
            }

            if (IoEntry.IsLeaf(entry, level))
            {
                Volatile.Write(ref *slot, 0);
                work.PteClear++;
                cleared += 1UL << shift;
            }
            else
            {
                ulong low = index == begin ? first : AlignDown(first, shift) + ((ulong)(index - begin) << shift);
                ulong high = index == end ? last : low | ((1UL << shift) - 1);
                if (!ClearLevel((ulong*)IoEntry.Address(entry), level - 1, low, high, ref cleared, ref detached, ref work))
                {
                    complete = false;
                    break;
                }

                if (high - low != (1UL << shift) - 1)
                {
                    continue;
                }

                Detach(slot, entry, ref detached, ref work);
            }

            changedFrom = Math.Min(changedFrom, index);
            changedTo = index + 1;
        }

        if (_flushRegression)
        {
            changedFrom = begin;
            changedTo = index;
        }

        if (changedFrom < changedTo)
        {
            Flush(table + changedFrom, changedTo - changedFrom, ref work);
        }

        return complete;
    }

    private static ulong AlignDown(ulong value, int shift) => value >> shift << shift;

    private void Flush(ulong* first, int entries, ref DmaWork work)
    {
        if (_flushes && entries > 0)
        {
            work.FlushCalls++;
            work.LinesFlushed += (ulong)_memory.Flush(first, entries);
        }
    }

    private ulong Lookup(ulong address, bool walker, out int level)
    {
        level = _levels;
        if (address >> IoEntry.Shift(_levels + 1) != 0)
        {
            return 0;
        }

        ulong* table = _root;
        for (; ; level--)
        {
            ulong* slot = table + IoEntry.Index(address, level);
            ulong entry = Volatile.Read(ref *(walker ? _memory.WalkerView(slot) : slot));
            if (!IoEntry.IsPresent(entry))
            {
                return 0;
            }

            if (IoEntry.IsLeaf(entry, level))
            {
                return entry;
            }

            table = (ulong*)IoEntry.Address(entry);
        }
    }

    private int VisitLeaves(ulong* table, int level, ulong start, bool walker, Action<ulong, ulong, int> visit)
    {
        int tables = 1;
        for (int i = 0; i < IoEntry.TableEntries; i++)
        {
            ulong entry = Volatile.Read(ref *(walker ? _memory.WalkerView(table + i) : table + i));
            ulong address = start + ((ulong)i << IoEntry.Shift(level));
            if (!IoEntry.IsPresent(entry))
            {
                continue;
            }

            if (IoEntry.IsLeaf(entry, level))
            {
                visit(address, entry, level);
            }
            else
            {
                tables += VisitLeaves((ulong*)IoEntry.Address(entry), level - 1, address, walker, visit);
            }
        }

        return tables;
    }
}
